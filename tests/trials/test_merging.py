"""Merged reports are what one verify would have given, whatever the order in which they are joined."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from harness.core.environment import Environment
from harness.core.results.candidate import Tried
from harness.core.results.reasons import said
from harness.core.results.verdict import CaseResult, FileDigest, Passing, RanIn, Report, Verdict
from harness.errors import UsageError
from harness.report.json_report import read_report, verify_json
from harness.trials.merging import Source, merged
from tests.report.samples import ENVIRONMENT

GPU = replace(
    ENVIRONMENT, platform="cuda-sm90", hardware=replace(ENVIRONMENT.hardware, device="cuda", gpu="H200")
)
OTHER_CPU = replace(ENVIRONMENT, hardware=replace(ENVIRONMENT.hardware, cpu_model="another"))


def result(name: str, platform: str | None = "cpu-x86_64", entry: int = 0, **others: object) -> CaseResult:
    source = f"configs/{name.partition('@')[0]}.yaml"
    found = CaseResult(name, Verdict.IDENTICAL, platform, None, None, (), 1.0, source=source, entry=entry)
    return replace(found, **others)  # type: ignore[arg-type]


def report(*cases: CaseResult, environment: Environment | None = ENVIRONMENT, **others: object) -> Report:
    return replace(Report(environment, cases), **others)  # type: ignore[arg-type]


def joined(*reports: Report) -> Report:
    found = merged([Source(f"{'abcdef'[place]}.json", one) for place, one in enumerate(reports)])
    assert read_report(verify_json(found)) == found
    return found


def test_shards_are_joined_in_the_order_of_the_configs() -> None:
    first = report(result("b"), result("c@seed=0", entry=1), started=datetime(2026, 3, 2, tzinfo=UTC))
    second = report(result("a"), result("c@seed=1", entry=0), started=datetime(2026, 3, 1, tzinfo=UTC))
    # The file lists seed 1 first.
    cases = (result("a"), result("b"), result("c@seed=1", entry=0), result("c@seed=0", entry=1))
    assert joined(first, second) == report(*cases, started=datetime(2026, 3, 1, tzinfo=UTC))


def test_reports_of_earlier_versions_are_joined_by_id() -> None:
    old = [replace(result(name), source="") for name in ("b", "a")]
    assert [one.case for one in joined(report(old[0]), report(old[1])).cases] == ["a", "b"]


def test_what_a_run_imported_besides_makes_no_other_environment() -> None:
    imported = replace(ENVIRONMENT, software=replace(ENVIRONMENT.software, imported={"tqdm": "4"}))
    found = joined(report(result("b")), report(result("a"), environment=imported))
    assert (found.environment, found.environments) == (imported, ())


def test_several_environments_are_listed_with_their_cases() -> None:
    found = joined(
        report(result("a"), result("skipped", None)),
        report(result("a", "cuda-sm90"), result("b", "cuda-sm90"), environment=GPU),
        report(result("c"), environment=OTHER_CPU),
    )
    assert found.environment is None
    names = [(one.case, one.platform) for one in found.cases]
    assert names == [
        ("a", "cpu-x86_64"),
        ("a", "cuda-sm90"),
        ("b", "cuda-sm90"),
        ("c", "cpu-x86_64"),
        ("skipped", None),
    ]
    assert found.environments == (RanIn(ENVIRONMENT, (0,)), RanIn(GPU, (1, 2)), RanIn(OTHER_CPU, (3,)))


def test_without_any_worker_there_is_no_environment() -> None:
    found = joined(report(result("a", None), environment=None), report(result("b", None), environment=None))
    assert (found.environment, found.environments) == (None, ())
    assert joined(found, report(result("c"))).environment == ENVIRONMENT


def test_an_unfinished_part_makes_the_whole_unfinished() -> None:
    parts = (
        report(result("a"), finished=False, not_run=("x", "b")),
        report(result("c"), finished=False, not_run=("x",)),
    )
    found = joined(*parts, report(result("d")))
    assert (found.finished, found.not_run) == (False, ("b", "x"))
    assert found.exit_code() == 3


def test_the_whole_is_as_strict_as_the_strictest() -> None:
    loose, strict = Passing(allow_missing=True), Passing(strict=True)
    assert joined(report(passing=loose), report(passing=loose)).passing == loose
    assert joined(report(passing=loose), report(passing=strict)).passing == Passing(strict=True)


def test_one_case_on_one_platform_with_two_results_is_an_error() -> None:
    first = report(*(result(name) for name in "abcde"))
    second = report(*(result(name, verdict=Verdict.DRIFTED) for name in "abcde"))
    with pytest.raises(UsageError) as raised:
        joined(report(), first, second)
    assert str(raised.value) == (
        "c.json: judges a, b, c and 2 other cases on cpu-x86_64, and so does b.json, with another result; leave one of "
        "the two out, or give each case to one shard only"
    )


def test_the_same_result_in_another_environment_is_another_result() -> None:
    with pytest.raises(UsageError, match="judges a on cpu-x86_64"):
        joined(report(result("a")), report(result("a"), environment=OTHER_CPU))


def test_the_same_result_twice_is_one_wherever_its_capture_lies() -> None:
    here, there = (result("a", capture=FileDigest(f"{name}/a", "0" * 64)) for name in ("x", "y"))
    assert joined(report(there), report(here)).cases == (here,)
    changed = replace(here, capture=FileDigest("x/a", "1" * 64))
    with pytest.raises(UsageError):
        joined(report(here), report(changed))


def test_results_without_a_platform_may_be_of_several_machines() -> None:
    one, other = (
        result("a", None, verdict=Verdict.SKIPPED, reasons=said(why)) for why in ("no GPU", "no hub")
    )
    assert joined(report(one), report(other), report(one)).cases == (one, other)


def test_a_log_that_cases_share_is_shown_once() -> None:
    cases = [result(name, None, verdict=Verdict.ERROR, reasons=said("died"), log=("last",)) for name in "ab"]
    found = joined(report(cases[1]), report(cases[0])).cases
    assert [one.log for one in found] == [("last",), ()]
    # The report that shows it once and the one that shows it still say the same of b.
    assert joined(Report(None, found), report(cases[1], environment=None)).cases == found


@pytest.mark.parametrize(
    ("other", "complaint"),
    [
        (
            {"command": "explain"},
            "b.json: is the report of `harness explain`, but a.json is that of `harness verify`",
        ),
        ({"candidate": Tried(("diffusers==0.43.0",))}, "b.json: was judged under other versions than a.json"),
    ],
)
def test_reports_of_different_kinds_are_not_joined(other: dict[str, object], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        joined(report(), report(**other))


def test_shards_of_a_verify_under_other_versions_stay_one() -> None:
    tried = Tried(("diffusers==0.43.0",))
    assert (
        joined(report(result("a"), candidate=tried), report(result("b"), candidate=tried)).candidate == tried
    )


PARTS = (
    report(result("a"), result("e"), started=datetime(2026, 3, 1, tzinfo=UTC)),
    report(
        result("a", "cuda-sm90"), result("b", None, verdict=Verdict.SKIPPED), environment=GPU,
        passing=Passing(strict=True),
    ),
    report(
        result("b", None, verdict=Verdict.ERROR, reasons=said("x"), log=("l",)), environment=None, finished=False,
        not_run=("e",),
    ),
    report(
        result("c"), result("d", None, verdict=Verdict.ERROR, reasons=said("x"), log=("l",)), environment=OTHER_CPU,
        started=datetime(2026, 2, 1, tzinfo=UTC),
    ),
    report(result("e"), environment=replace(ENVIRONMENT, software=replace(ENVIRONMENT.software, imported={"a": "1"}))),
)  # fmt: skip


def test_the_order_of_the_reports_does_not_matter() -> None:
    expected = joined(*PARTS)
    assert len(expected.environments) == 3
    for order in itertools.permutations(PARTS):
        assert joined(*order) == expected


def test_it_does_not_matter_which_are_joined_first() -> None:
    expected = joined(*PARTS)
    for size in range(1, len(PARTS)):
        for places in itertools.combinations(range(len(PARTS)), size):
            first = [PARTS[place] for place in places]
            rest = [one for place, one in enumerate(PARTS) if place not in places]
            assert joined(joined(*first), joined(*rest)) == expected
            assert joined(joined(*first), *PARTS) == expected


def test_a_report_alone_stays_as_it_is() -> None:
    for part in (PARTS[0], joined(*PARTS)):
        assert joined(part) == part
