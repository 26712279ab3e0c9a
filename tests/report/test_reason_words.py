from __future__ import annotations

from typing import get_args

import pytest

from harness.core.environment import Change
from harness.core.results import reasons as of
from harness.core.results.next_step import NextStep, harness_step
from harness.report.reason_words import invariant_words, reason_words, step_words, warning_words
from tests.core.results.test_reasons import EXAMPLES


@pytest.mark.parametrize("reason", EXAMPLES, ids=lambda reason: reason.kind)
def test_every_kind_has_words_in_one_line(reason: of.Reason) -> None:
    told = reason_words([reason])
    assert told
    assert "\n" not in told
    assert "None" not in told


def test_reasons_stand_in_order_and_all_invariants_under_one_label() -> None:
    failing = [of.InvariantFails(name, (of.OutputDiffers("a", "text", "missing"),)) for name in ("x", "y")]
    assert reason_words([*failing, of.Message("first")]) == (
        "first; invariants: x: a: text in the run, now missing; y: a: text in the run, now missing"
    )
    assert reason_words([]) == ""


def test_the_other_side_of_an_invariant_is_the_run() -> None:
    reasons = of.OutputDiffers("a", "text", "missing"), of.TextDiffers("b", 2, "", "x")
    assert invariant_words(reasons) == (
        "a: text in the run, now missing; b: text differs from character 2 onward: the end in the run, now 'x'"
    )
    assert reason_words(reasons).count("in the golden, now") == 2


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (of.LimitsExceeded("a", (of.reading("psnr", float("-inf"), 20.0),)), "a: psnr -inf < 20"),
        (
            of.LimitsExceeded("a", (of.reading("rel_l2", float("nan"), 1e-5),)),
            "a: rel_l2 nan > 1e-05",
        ),
        (
            of.OtherDevice("cpu", ("cuda",), whole=False),
            "cpu: the invariant runs only on cuda; choose one with --device",
        ),
        (
            of.MissingName("NewPipeline", "diffusers 0.30.3 has no such class"),
            "NewPipeline: diffusers 0.30.3 has no such class",
        ),
        (of.MissingName("gone", "cannot import name 'gone'"), "cannot import name 'gone'"),
        (of.MissingName("", "nobody knows"), "nobody knows"),
        (of.DefinitionChanged("sd/a", (Change("call.eta", None, "0.5"),)), "call.eta: default → 0.5"),
        (of.NotReplayable(None), "forced replay: the golden does not keep the boundary tensors"),
        (of.ComparedInPart("g", ("it has no trace",)), "g: it has no trace"),
    ],
)
def test_words(reason: of.Reason, words: str) -> None:
    assert reason_words([reason]) == words


def test_a_step_is_a_sentence_and_a_command_as_a_shell_takes_it() -> None:
    steps = harness_step("record one", "record", "it's"), NextStep("or not"), harness_step("", "verify", "a")
    assert step_words(steps) == """record one: harness record 'it'"'"'s'; or not; harness verify a"""
    assert step_words(()) == ""


def test_a_warning_is_a_workers_word_or_a_reason() -> None:
    assert warning_words(["as it is", of.NoGolden("cpu-x86_64")]) == ("as it is", "no golden on any platform")


def test_what_is_no_reason_has_no_words() -> None:
    assert str not in get_args(of.Reason)
    with pytest.raises(TypeError, match="no words for this kind of reason"):
        reason_words([3])  # type: ignore[list-item]
