"""`harness blame`: what the command line means, and what comes out of it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from harness.core.case import Case
from harness.core.environment import Change
from harness.core.results.blame import (
    BadEndAgrees,
    Blame,
    BlamedChange,
    BlameOutcome,
    ChangeKind,
    OwnChanges,
    Unstable,
    Untold,
)
from harness.core.results.verdict import Divergence
from harness.errors import UsageError
from harness.invocation.options import BlameOptions
from harness.report.views.blame import sentence
from harness.upgrade.blame import commission
from tests.support.project import Project
from tests.support.workers import UNTRACED

FIRST = Divergence("text_encoding", "text_encoder", "text_encoder", 0, None, 0.3, "it is in the text encoder")
CHANGE = BlamedChange("diffusers", "0.35.2", "0.36.0", 0.22, ChangeKind.BEHAVIOUR, FIRST)
MOVED = tuple(Change(name, "1", "2") for name in ("diffusers", "numpy", "transformers"))


class Asked:
    """Stands in for the inquiries: gives `blames`, and keeps what was asked."""

    def __init__(self) -> None:
        self.cases: list[str] = []
        self.options: list[BlameOptions] = []
        self.blames: list[Blame] = []
        self.stop: BaseException | None = None

    def conduct(self, cases: Sequence[Case], _options: Any, asked: BlameOptions, _: Any) -> Iterator[Blame]:
        self.cases = [case.id for case in cases]
        self.options.append(asked)
        yield from self.blames
        if self.stop:
            raise self.stop


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Asked:
    project = Project(tmp_path)
    for name in ("a", "b"):
        project.config(name, UNTRACED)
    monkeypatch.chdir(tmp_path)
    found = Asked()
    monkeypatch.setattr(commission, "blames", found.conduct)
    return found


def blamed(case: str = "a", **more: Any) -> Blame:
    given = {"changes": (CHANGE,), "moved": MOVED, "runs": 7, "confirmed": True, "seconds": 12.34}
    return Blame(case, BlameOutcome.BLAMED, **(given | more))


SENTENCE = (
    "diffusers 0.35.2 → 0.36.0 changed a (rel_l2 0.22, first in the text encoding); "
    "transformers and numpy moved too and had no part; confirmed both ways in 7 runs"
)


def test_json_holds_what_the_contract_says(asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    asked.blames = [blamed()]
    assert main(["blame", "a", "--json", "found.json"]) == 0
    document = json.loads(Path("found.json").read_text())
    assert document["schema"] == 1
    (found,) = document["blames"]
    (change,) = found["changes"]
    assert {key: found[key] for key in ("case", "outcome", "runs", "confirmed", "seconds", "sentence")} == {
        "case": "a", "outcome": "blamed", "runs": 7, "confirmed": True, "seconds": 12.3, "sentence": SENTENCE,
    }  # fmt: skip
    assert change == {
        "package": "diffusers", "from": "0.35.2", "to": "0.36.0", "rel_l2": 0.22, "kind": "behaviour",
        "stage": "text_encoding", "untold": [],
        "sentence": "diffusers 0.35.2 → 0.36.0 changed a (rel_l2 0.22, first in the text encoding)",
    }  # fmt: skip
    assert json.loads(Path("out/blame.json").read_text()) == document
    shown = " ".join(capsys.readouterr().out.split())
    assert SENTENCE in shown
    assert "it is in the text encoder" in shown


@pytest.mark.parametrize(("words", "options"), [
    ([], BlameOptions()),
    (["--good", "x==1", "y==2", "--bad", "x==3"], BlameOptions(good=("x==1", "y==2"), bad=("x==3",))),
    (["--good", "x==1", "--good", "y==2"], BlameOptions(good=("x==1", "y==2"))),
    (["--since", "2026-03-01"], BlameOptions(since="2026-03-01")),
    (["--bitwise"], BlameOptions(bitwise=True)),
    (["--min-rel-l2", "1e-3"], BlameOptions(least=1e-3)),
    (["--all-changes"], BlameOptions(bitwise=True, every=True)),
    (["--installer", "pip", "--allow-sdist", "--yes"], BlameOptions(installer="pip", sdists=True, large=True)),
])  # fmt: skip
def test_what_the_options_mean(asked: Asked, words: list[str], options: BlameOptions) -> None:
    asked.blames = [blamed()]
    assert main(["blame", "a", *words]) == 0
    assert asked.options == [options]


@pytest.mark.parametrize(("words", "complaint"), [
    (["a", "--since", "2026-03-01", "--good", "x==1"], "--since decides both ends"),
    (["a", "--bitwise", "--min-rel-l2", "1"], "--bitwise and --min-rel-l2 each say what counts"),
    (["a", "--all-changes", "--min-rel-l2", "1"], "--all-changes lists every change of a bit"),
    (["a", "--min-rel-l2", "-1"], "'-1' is not a distance"),
    (["a", "--min-rel-l2", "nan"], "'nan' is not a distance"),
    ([], "no case is named; name the cases that differ: harness blame CASE\n"),
    (["--good", "x==1", "a"], "harness blame CASE --good ... --bad ...; these take every word that follows"),
])  # fmt: skip
def test_what_cannot_be_meant_is_refused(
    asked: Asked, words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(["blame", *words])
    except SystemExit as ended:
        code = int(ended.code or 0)
    assert code == 2
    assert complaint in capsys.readouterr().err
    assert asked.options == []


@pytest.mark.parametrize(("outcomes", "code"), [
    ([BlameOutcome.BLAMED, BlameOutcome.OWN_CHANGE], 0),
    ([BlameOutcome.BLAMED, BlameOutcome.NOT_REPRODUCED], 1),
    ([BlameOutcome.AMBIGUOUS], 1),
    ([BlameOutcome.AMBIGUOUS, BlameOutcome.CANNOT_TELL], 3),
])  # fmt: skip
def test_exit_codes(asked: Asked, outcomes: list[BlameOutcome], code: int) -> None:
    reason = BadEndAgrees(identical=True)
    asked.blames = [
        Blame(name, outcome, reason=reason) if outcome is not BlameOutcome.BLAMED else blamed(name)
        for name, outcome in zip("ab", outcomes, strict=False)
    ]
    assert main(["blame", *"ab"[: len(outcomes)]]) == code


def test_cases_of_one_cause_are_shown_together(asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    asked.blames = [blamed("a"), blamed("b")]
    assert main(["blame", "a", "b"]) == 0
    shown = capsys.readouterr().out
    assert "diffusers 0.35.2 → 0.36.0: 2 cases have this cause" in shown
    assert shown.rstrip().endswith("answered: 2 of 2 cases, in 14 runs (exit code 0)")


def test_every_change_is_a_row_of_a_table(asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    rounding = BlamedChange("numpy", "2.0", "2.1", 3e-6, ChangeKind.ROUNDING)
    asked.blames = [blamed(changes=(rounding, CHANGE), every=True)]
    assert main(["blame", "a", "--all-changes"]) == 0
    shown = capsys.readouterr().out
    assert "2 releases changed a: 1 its behaviour, 1 only its last digits" in " ".join(shown.split())
    rows = [line.split() for line in shown.splitlines()]
    assert ["numpy", "2.0", "2.1", "rounding", "3.0e-06", "-"] in rows
    assert ["diffusers", "0.35.2", "0.36.0", "behaviour", "0.22", "the", "text", "encoding"] in rows


def test_a_distance_that_is_undefined_is_left_out() -> None:
    """Shapes differ, or one of two runs failed."""
    unstable = Blame("a", BlameOutcome.AMBIGUOUS, reason=Unstable("bad", None))
    assert "the bad versions differ from each other; first find out why" in sentence(unstable)
    change = dataclasses.replace(CHANGE, rel_l2=None)
    assert "changed a (first in the text encoding);" in sentence(blamed(changes=(change,)))
    assert "changed a;" in sentence(blamed(changes=(dataclasses.replace(change, first=None),)))


def test_of_a_digest_the_first_digits_are_shown() -> None:
    change = Change("weights.unet", "0123456789" + "a" * 54, "9876543210" + "b" * 54)
    own = Blame("a", BlameOutcome.OWN_CHANGE, reason=OwnChanges((change,)))
    assert sentence(own).endswith("(weights.unet 0123456789 → 9876543210)")


def test_a_search_that_ends_early_says_what_it_found(asked: Asked) -> None:
    asked.blames = [blamed("a")]
    asked.stop = UsageError("the index is gone; bring it back")
    assert main(["blame", "a", "b", "--json", "found.json"]) == 2
    for path in ("out/blame.json", "found.json"):
        document = json.loads(Path(path).read_text())
        assert document["finished"] is False
        assert [one["case"] for one in document["blames"]] == ["a"]


def test_a_report_that_cannot_be_written_hides_no_answer(
    asked: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    asked.blames = [blamed("a")]
    assert main(["blame", "a", "--json", "/dev/full"]) == 3
    assert "diffusers 0.35.2 → 0.36.0 changed a" in capsys.readouterr().out


def test_a_pipeline_that_only_other_versions_have_may_be_asked_about(asked: Asked, tmp_path: Path) -> None:
    Project(tmp_path).config("c", UNTRACED.replace("DDIMPipeline", "NoSuchPipeline"))
    asked.blames = [blamed("c")]
    assert main(["blame", "c"]) == 0
    assert asked.cases == ["c"]


def test_no_escape_sequence_of_a_library_reaches_the_terminal(
    asked: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    reason = Untold("bad", "cannot be imported: \x1b[31mred\nsecond line")
    asked.blames = [Blame("a", BlameOutcome.CANNOT_TELL, reason=reason)]
    assert main(["blame", "a"]) == 3
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "cannot tell: with the bad versions a cannot be imported:" in shown


@pytest.mark.parametrize(("kinds", "told"), [
    ([ChangeKind.BEHAVIOUR], "1 release changed the behaviour of a"),
    ([ChangeKind.ROUNDING] * 2, "2 releases changed only the last digits of a"),
])  # fmt: skip
def test_changes_of_one_kind_are_told_without_the_other(kinds: list[ChangeKind], told: str) -> None:
    changes = tuple(BlamedChange("numpy", "2.0", "2.1", 1e-3, kind) for kind in kinds)
    assert sentence(blamed(changes=changes, every=True)) == told


def test_of_what_had_no_part_the_weightiest_is_named_first() -> None:
    moved = (Change("attrs", None, "1"), Change("click", "1", "2"), Change("torch", "1", "2"))
    assert "; torch, click and attrs moved too and had no part" in sentence(blamed(moved=moved))
