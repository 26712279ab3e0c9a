from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from harness.core.history import Person, Rejection
from harness.core.nights.night import Cost, Measured
from harness.core.results.cause import Cause, cause_of
from harness.core.results.verdict import Passing, Report, RunRecord, Verdict
from harness.history.night import judgement_of, night_of, words_of
from tests.report.samples import DRIFTED, ENVIRONMENT, IDENTICAL, WITHIN

STARTED = datetime(2026, 3, 1, 3, 17, tzinfo=UTC)
RECORD = RunRecord("outputs", "trace", 0.5, 1.5, 2**30)
REPORT = Report(ENVIRONMENT, (replace(IDENTICAL, record=RECORD), DRIFTED), started=STARTED)


def test_a_night_keeps_the_machine_and_the_packages_apart() -> None:
    night = night_of(REPORT, folder="nightly/2026-03-01", code=1)
    assert night.machine.entries == {
        "hardware.device": "cpu",
        "hardware.machine": "x86_64",
        "hardware.cpu_vendor": "GenuineIntel",
        "hardware.cpu_model": "Intel(R) Xeon(R) Platinum 8488C (6/143)",
        "software.os": "Linux 6.8.0",
        "software.python": "3.11.7",
    }
    assert night.lock == {"diffusers": "0.42.1", "torch": "2.13.0+cpu"}
    assert (night.started, night.day, night.folder, night.code) == (
        STARTED,
        "2026-03-01",
        "nightly/2026-03-01",
        1,
    )


def test_a_case_keeps_its_digests_metrics_and_costs() -> None:
    first, second = night_of(REPORT, again={DRIFTED.case: ("b", None)}).judged
    assert (first.case, first.platform) == (IDENTICAL.case, "cpu-x86_64")
    assert (first.judgement.outputs, first.judgement.trace) == ("outputs", "trace")
    assert first.cost == Cost(0.5, 1.5, 1.24, 2**30)
    assert (first.judgement.cause, first.judgement.passes, first.again) == ("", True, ())
    assert second.again == ("b", None)
    assert second.cost == Cost(total=DRIFTED.seconds)
    cause = cause_of(DRIFTED)
    assert cause is not None
    assert (second.judgement.cause, second.judgement.group) == (cause.fingerprint(), cause.group())
    assert Measured("images", "rel_l2", 3.14e-4, 1e-5) in second.judgement.metrics
    assert Measured("images", "max_ulp", 13422.0, None) in second.judgement.metrics


def test_the_same_report_is_the_same_night_and_another_is_not() -> None:
    assert night_of(REPORT, folder="a", code=1).key == night_of(REPORT, folder="b").key
    later = replace(REPORT, started=datetime(2026, 3, 2, 3, 17, tzinfo=UTC))
    fewer = replace(REPORT, cases=REPORT.cases[:1])
    assert len({night_of(one).key for one in (REPORT, later, fewer)}) == 3


def test_an_older_report_has_a_digest_of_its_metrics() -> None:
    one, other = judgement_of(WITHIN, Passing()), judgement_of(replace(WITHIN, seconds=9.0), Passing())
    assert one.outputs == other.outputs
    assert one.outputs is not None
    assert one.outputs.startswith("metrics-")
    assert judgement_of(DRIFTED, Passing()).outputs != one.outputs


def test_a_rejection_is_kept_with_its_day() -> None:
    rejection = Rejection("cause", Person("Ada"), "2026-02-27T10:00:00+00:00", "no", "drifted")
    assert judgement_of(replace(DRIFTED, rejected=rejection), Passing()).rejected == "2026-02-27"


@pytest.mark.parametrize(
    ("verdict", "passing", "fails"),
    [
        (Verdict.NO_GOLDEN, Passing(), True),
        (Verdict.NO_GOLDEN, Passing(allow_missing=True), False),
        (Verdict.SKIPPED, Passing(), False),
        (Verdict.SKIPPED, Passing(strict=True), True),
        (Verdict.ERROR, Passing(), True),
    ],
)
def test_what_fails_is_what_failed_the_verify(verdict: Verdict, passing: Passing, fails: bool) -> None:
    judgement = judgement_of(replace(IDENTICAL, verdict=verdict, tensors=()), passing)
    assert judgement.fails is fails
    assert judgement.outputs is None


def test_a_report_without_environment_or_time_is_a_night_too() -> None:
    night = night_of(Report(None, (replace(IDENTICAL, platform=None, verdict=Verdict.ERROR),)))
    assert (night.day, night.machine.entries, night.lock) == ("1970-01-01", {}, {})
    assert night.judged[0].platform == "unknown"


def test_the_same_environment_in_another_order_is_the_same_night() -> None:
    software = ENVIRONMENT.software
    turned = replace(software, packages=dict(reversed(software.packages.items())))
    assert (
        night_of(replace(REPORT, environment=replace(ENVIRONMENT, software=turned))).key
        == night_of(REPORT).key
    )


def test_a_case_of_another_platform_keeps_it() -> None:
    elsewhere = replace(IDENTICAL, platform="cuda-sm90")
    assert night_of(Report(ENVIRONMENT, (elsewhere,))).judged[0].platform == "cuda-sm90"


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (Cause("values", "denoiser", "unet", ("a", "b", "c")), "values at unet: a, b"),
        (Cause("values", "denoiser", "", ()), "values in denoiser"),
        (Cause("raised", "", "", ("TypeError",)), "raised: TypeError"),
    ],
)
def test_a_cause_in_a_few_words(cause: Cause, words: str) -> None:
    assert words_of(cause) == words
