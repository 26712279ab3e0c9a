"""The screen of `verify --with`: what moved, the verdicts, a sentence for each cause, go or no-go."""

from __future__ import annotations

import io
import re
from dataclasses import replace

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


def shown(*reports: Report, quiet: bool = False, width: int = 100) -> str:
    stream = io.StringIO()
    Screen(quiet=quiet, stream=stream, width=width).show_candidates(reports)
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


def test_what_has_to_move_though_nobody_asked_is_told_apart() -> None:
    moved = (Change("diffusers", "0.42.1", "0.43.0"), Change("numpy", "2.4", "2.5"), Change("old", "1", None))
    one = Tried(("diffusers==0.43.0",), {"diffusers": "0.43.0"}, moved, ("numpy",))
    lines = shown(replace(GO, candidate=one)).splitlines()
    assert lines[1:3] == [
        "  moves diffusers 0.42.1 → 0.43.0, old 1 → not there",
        "  1 package that nobody asked for has to move as well: numpy 2.4 → 2.5",
    ]
    lines = shown(replace(GO, candidate=replace(one, companions=("diffusers", "numpy", "old")))).splitlines()
    assert lines[1:4] == [
        "  3 packages that nobody asked for have to move as well: diffusers 0.42.1 → 0.43.0, numpy 2.4 → 2.5,",
        "    old 1 → not there",
        "",
    ]
    nothing = shown(replace(GO, candidate=replace(one, moved=(), companions=()))).splitlines()
    assert nothing[1:3] == ["  moves nothing", ""]


def test_what_is_skipped_is_told_with_its_reason() -> None:
    skipped = (result("a", Verdict.IDENTICAL), result("b", Verdict.SKIPPED, reason="needs the package x"))
    lines = shown(Report(None, skipped, candidate=TRIED)).splitlines()
    assert lines[-4:] == [
        "1 case is skipped: needs the package x",
        "  b",
        "",
        "go: 2 cases pass under diffusers==0.43.0",
    ]


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


def test_the_causes_of_several_candidates_stand_under_their_names() -> None:
    other = Report(None, NO_GO.cases[:1] + GO.cases[:1], candidate=Tried(("transformers==5.1",)))
    good = Report(None, GO.cases, candidate=Tried(("numpy==2.5",)))
    lines = shown(NO_GO, other, good, quiet=True).splitlines()
    cause = "2 cases fail: the first difference is in text_encoding (text_encoder: text_encoder.forward)"
    assert lines[lines.index(cause) - 1] == "diffusers==0.43.0"
    assert lines[lines.index(cause.replace("2 cases fail", "1 case fails")) - 1] == "transformers==5.1"
    assert lines.count("numpy==2.5") == 0


MANY = tuple(Tried((f"diffusers==0.{minor}.0", "transformers==5.1.0")) for minor in range(38, 43))


def test_more_than_four_candidates_have_a_row_each() -> None:
    reports = [replace(NO_GO if place < 2 else GO, candidate=one) for place, one in enumerate(MANY)]
    text = shown(*reports, width=80)
    rows = text[text.index("candidate ") :].splitlines()
    assert [re.split("  +", row) for row in rows[:5]] == [
        ["candidate", "answer", "verdicts"],
        ["─" * 80],
        ["diffusers==0.38.0, transformers==5.1.0", "no-go", "1 identical, 2 drifted, 1 broken"],
        ["diffusers==0.39.0, transformers==5.1.0", "no-go", "1 identical, 2 drifted, 1 broken"],
        ["diffusers==0.40.0, transformers==5.1.0", "go", "1 identical, 1 within"],
    ]
    assert max(map(len, text.splitlines())) <= 80
    assert "\ncandidate " in shown(*reports, width=400)
    assert text.splitlines()[-1] == "go under 3 of 5 candidates, no-go under 2 (exit code 1)"
    assert shown(*[replace(GO, candidate=one) for one in MANY]).splitlines()[-1] == (
        "go: all cases pass under all 5 candidates"
    )


def test_columns_that_do_not_fit_side_by_side_become_rows() -> None:
    reports = [replace(GO, candidate=one) for one in MANY[:4]]
    wide, narrow = shown(*reports, width=85), shown(*reports, width=84)
    assert ("\ncase" in wide, "\ncandidate " in wide) == (True, False)
    assert ("\ncase" in narrow, "\ncandidate " in narrow) == (False, True)
    assert max(map(len, wide.splitlines())) <= 85


def test_quiet_leaves_the_causes_and_the_end() -> None:
    text = shown(NO_GO, quiet=True)
    assert "moves" not in text
    assert text.startswith("2 cases fail: ")
    assert "AttributeError: gone" in text


def test_one_case_is_spoken_of_as_one() -> None:
    one = Report(None, GO.cases[:1], candidate=TRIED)
    assert shown(one).splitlines()[-1] == "go: 1 case passes under diffusers==0.43.0"
    failing = Report(None, (NO_GO.cases[0], GO.cases[0]), candidate=TRIED)
    assert shown(failing).splitlines()[-1] == (
        "no-go: 1 of 2 cases fails under diffusers==0.43.0 (exit code 1)"
    )
