from __future__ import annotations

from dataclasses import replace

from harness.core.environment import Change
from harness.core.results.groups import groups_of
from harness.core.results.reasons import LimitsExceeded, Message, reading
from harness.core.results.verdict import CaseResult, Divergence, Verdict
from harness.report.group_words import group_count, group_sentence, moved_words

BEGAN = Divergence("text_encoding", "tokenizer", "tokenizer.call", 0, None, None, "154\n-> 333 tokens")
FAILED = CaseResult("a", Verdict.DRIFTED, None, None, None, (Message("m"),), 1.0, first_divergence=BEGAN)


def test_where_it_began() -> None:
    (group,) = groups_of([FAILED, replace(FAILED, case="b", verdict=Verdict.BROKEN)])
    assert group_sentence(group) == "154 -> 333 tokens"
    assert group_count(group) == "2 cases: 1 drifted, 1 broken"


def test_the_reason_or_the_verdict_if_the_place_is_unknown() -> None:
    (group,) = groups_of([replace(FAILED, first_divergence=None)])
    assert group_sentence(group) == "m"
    assert group_count(group) == "1 case: drifted"
    (group,) = groups_of([replace(FAILED, first_divergence=None, reasons=())])
    assert group_sentence(group) == "drifted"


def test_what_moved() -> None:
    changes = tuple(Change(f"software.packages.{name}", "1", "2") for name in ("torch", "a", "b", "c"))
    assert moved_words(changes) == "torch: 1 -> 2, a: 1 -> 2, b: 1 -> 2 and 1 more moved"
    assert moved_words(()) == ""


def test_reasons_with_different_values() -> None:
    first, second = (
        replace(
            FAILED, first_divergence=None, reasons=(LimitsExceeded("a", (reading("rel_l2", value, 1e-5),)),)
        )
        for value in (1e-3, 2e-3)
    )
    (group,) = groups_of([first, second])
    assert group_sentence(group) == "outputs differ by more than their limits; it is unknown where it began"
