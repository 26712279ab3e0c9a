"""The screen of `verify --with`: what moved, the verdicts, a sentence for each cause, go or no-go."""

from __future__ import annotations

import io

from harness.core.environment import Change
from harness.core.results.candidate import Tried
from harness.core.results.reasons import Message
from harness.core.results.verdict import CaseResult, Divergence, Report, Verdict
from harness.report.terminal import Screen

TRIED = Tried(
    ("diffusers==0.43.0",),
    {"diffusers": "0.43.0"},
    (Change("diffusers", "0.42.1", "0.43.0"), Change("new", None, "1")),
)


def result(name: str, verdict: Verdict, *, stage: str = "", reason: str = "") -> CaseResult:
    divergence = (
        Divergence(stage, "text_encoder", "text_encoder.forward", 0, None, 0.2, "It began there.")
        if stage
        else None
    )
    reasons = (Message(reason),) if reason else ()
    return CaseResult(name, verdict, "cpu-x86_64", None, None, reasons, 1.0, first_divergence=divergence)  # type: ignore[arg-type]


def shown(*reports: Report, quiet: bool = False) -> str:
    stream = io.StringIO()
    Screen(quiet=quiet, stream=stream, width=100).show_candidates(reports)
    return stream.getvalue()


GO = Report(None, (result("a", Verdict.IDENTICAL), result("b", Verdict.WITHIN)), candidate=TRIED)
NO_GO = Report(
    None,
    (
        result("a", Verdict.DRIFTED, stage="text_encoding"),
        result("b", Verdict.DRIFTED, stage="text_encoding"),
        result("c", Verdict.BROKEN, reason="AttributeError: gone"),
        result("d", Verdict.IDENTICAL),
    ),
    candidate=TRIED,
)


def test_go() -> None:
    text = shown(GO)
    assert "moves diffusers 0.42.1 → 0.43.0, new not there → 1" in text
    assert text.splitlines()[-1] == "go: 2 cases pass under diffusers==0.43.0"


def test_no_go_says_once_what_several_cases_fail_for() -> None:
    text = shown(NO_GO)
    assert (
        "2 cases fail: the first difference is in text_encoding (text_encoder: text_encoder.forward)" in text
    )
    assert "  a, b\n" in text
    assert "1 case fails: AttributeError: gone" in text
    assert text.splitlines()[-1] == "no-go: 3 of 4 cases fail under diffusers==0.43.0 (exit code 1)"


def test_several_candidates_have_a_column_each() -> None:
    other = Report(None, NO_GO.cases, candidate=Tried(("transformers==5.1",)))
    header, _, row, *_ = (
        shown(NO_GO, other).split("transformers==5.1\n", 1)[1].split("case ", 1)[1].splitlines()
    )
    assert header.split() == ["diffusers==0.43.0", "transformers==5.1"]
    assert row.split() == ["a", "drifted", "drifted"]


def test_quiet_leaves_the_causes_and_the_end() -> None:
    text = shown(NO_GO, quiet=True)
    assert "moves" not in text
    assert "AttributeError: gone" in text


def test_one_case_is_spoken_of_as_one() -> None:
    one = Report(None, GO.cases[:1], candidate=TRIED)
    assert shown(one).splitlines()[-1] == "go: 1 case passes under diffusers==0.43.0"
    failing = Report(None, (NO_GO.cases[0], GO.cases[0]), candidate=TRIED)
    assert shown(failing).splitlines()[-1] == (
        "no-go: 1 of 2 cases fails under diffusers==0.43.0 (exit code 1)"
    )
