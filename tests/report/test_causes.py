"""Failing cases are grouped by cause, each with one sentence and one command."""

from __future__ import annotations

from dataclasses import replace

from harness.core.environment import Change
from harness.core.results.next_step import NextStep, harness_step
from harness.core.results.reasons import ExactDiffers, LimitsExceeded, Message, reading
from harness.core.results.verdict import CaseResult, Divergence, ExactFinding, TensorResult, Verdict
from harness.report.causes import CauseGroup, grouped

TOKENS = ExactFinding(
    "tokenizer.call.input_ids at call 0", "154", "333", fails=True, name="tokenizer.call.input_ids"
)
MOVED = (
    Change("software.packages.transformers", "4.57.0", "5.0.0"),
    Change("switches.threads", "1", "2"),
    Change("software.packages.torch", "2.12.0", "2.13.0"),
    Change("software.packages.xformers", "0.0.31", None),
)


def drifted(name: str, rel_l2: float = 0.3, **others: object) -> CaseResult:
    reasons = (LimitsExceeded("images", (reading("rel_l2", rel_l2, 1e-5),)),)
    tensor = TensorResult("images", Verdict.DRIFTED, "float32", (1,), {"rel_l2": rel_l2}, {}, {})
    found = CaseResult(name, Verdict.DRIFTED, "cpu-x86_64", None, None, reasons, 1.0, (tensor,))
    return replace(found, **others)  # type: ignore[arg-type]


def began_at_the_tokenizer(name: str, finding: ExactFinding = TOKENS, **others: object) -> CaseResult:
    event = "tokenizer.call"
    first = Divergence("text_encoding", "tokenizer", event, 0, None, None, "words")
    reasons = (ExactDiffers(finding.what, finding.golden, finding.now),)
    how = {
        "exact_findings": (finding,),
        "first_divergence": first,
        "reasons": reasons,
        "environment_changes": MOVED,
    }
    return drifted(name, **{**how, **others})


def only(*cases: CaseResult) -> CauseGroup:
    [group] = grouped(cases)
    return group


def test_nothing_fails_for_no_cause() -> None:
    assert grouped(()) == ()


def test_one_cause_is_one_sentence_with_its_cases_and_the_command_of_the_first() -> None:
    steps = (NextStep("a step without a command"), harness_step("to prove it", "blame", "a"))
    cases = [
        began_at_the_tokenizer("a", next_steps=steps),
        began_at_the_tokenizer("b", verdict=Verdict.BROKEN),
    ]
    group = only(*cases)
    assert group.sentence == (
        "the first difference is in text_encoding (tokenizer.call): tokenizer.call.input_ids at call 0: 154 → 333; "
        "transformers, torch moved"
    )
    assert group.step == steps[1]
    assert group.cases == (*cases,)
    assert group.verdicts == "1 drifted, 1 broken"


def test_what_differs_from_case_to_case_is_no_part_of_the_sentence() -> None:
    other = replace(TOKENS, now="512")
    cases = [began_at_the_tokenizer("a"), began_at_the_tokenizer("b", other, environment_changes=MOVED[2:])]
    assert only(*cases).sentence == (
        "the first difference is in text_encoding (tokenizer.call): tokenizer.call.input_ids; torch moved"
    )


def test_the_largest_group_comes_first_and_equal_ones_as_they_come() -> None:
    error = replace(drifted("e", reasons=(Message("no result"),)), verdict=Verdict.ERROR)
    found = grouped([error, drifted("a"), drifted("b"), began_at_the_tokenizer("c")])
    assert [[case.case for case in group.cases] for group in found] == [["a", "b"], ["e"], ["c"]]
    assert len({group.fingerprint for group in found}) == 3


def test_without_a_place_the_reason_is_the_sentence() -> None:
    assert only(drifted("a")).sentence == "images: rel_l2 0.3 > 1e-05"
    assert only(drifted("a"), drifted("b")).sentence == "images: rel_l2 0.3 > 1e-05"
    assert only(drifted("a"), drifted("b", 0.4)).sentence == "images beyond the limits"


def test_reasons_that_differ_in_their_numbers_alone_are_alike() -> None:
    cases = [
        replace(drifted(name, reasons=(Message(f"no result within {name} s"),)), verdict=Verdict.ERROR)
        for name in ("600", "60", "6")
    ]
    assert only(*cases).sentence == "no result within 600 s (and alike in 2 other cases)"


def test_a_long_value_and_a_long_reason_are_shortened_and_stay_on_one_line() -> None:
    group = only(
        began_at_the_tokenizer("a", replace(TOKENS, golden="1" * 99, now=None), environment_changes=())
    )
    assert group.sentence.endswith(f": {'1' * 40}… → absent")
    group = only(replace(drifted("a", reasons=(Message("x" * 299 + "\nyy"),)), verdict=Verdict.ERROR))
    assert group.sentence == f"{'x' * 299} …"
