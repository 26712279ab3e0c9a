from __future__ import annotations

from dataclasses import replace

import pytest

from harness.core.portable import known_answers
from harness.core.portable.known_answers import Answer, Proof, answers_of, builds, kind_of
from tests.core.samples import ENVIRONMENT

HERE = replace(ENVIRONMENT, known_answers={"exp float32": "aa", "numpy exp float32": "bb"})


@pytest.mark.parametrize(
    ("on_record", "golden", "matches"),
    [
        ("aa", None, True),
        (None, "aa", True),
        ("aa", "aa", True),
        ("ab", None, False),
        (None, "ab", False),
        ("aa", "ab", False),
        ("ab", "aa", False),
        (None, None, None),
    ],
)
def test_an_answer_matches_all_that_is_known_of_it(
    on_record: str | None, golden: str | None, matches: bool | None
) -> None:
    answer = Answer("exp float32", "torch float32", "aa", on_record, golden)

    assert answer.matches is matches
    assert answer.differs is (matches is False)


def test_what_was_not_computed_here_is_compared_with_nothing() -> None:
    assert Answer("exp float32", "torch float32", None, "aa", "ab").matches is None


def test_the_answers_of_a_machine_stand_beside_the_record_and_the_golden(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry = {"builds": dict(builds(HERE.software)), "answers": {"exp float32": "aa"}}
    monkeypatch.setattr(known_answers, "_record", lambda: [entry])
    golden = replace(HERE, known_answers={"numpy exp float32": "bc", "of an older table": "dd"})

    assert answers_of(HERE, golden) == (
        Answer("exp float32", "torch float32", "aa", "aa", None),
        Answer("numpy exp float32", "numpy", "bb", None, "bc"),
        Answer("of an older table", "torch, other", None, None, "dd"),
    )
    assert answers_of(replace(HERE, known_answers={}), golden) == ()


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("linear 1x7x5 float32", "torch float32"),
        ("pow 0.5 float64", "torch float64"),
        ("conv2d 1x1 bfloat16", "torch bfloat16"),
        ("matmul complex64", "torch complex64"),
        ("gelu tanh", "torch, other"),
        ("dot", "torch, other"),
        ("numpy exp float32", "numpy"),
        ("scipy erf", "scipy"),
        ("math pow", "C library"),
    ],
)
def test_operations_are_grouped_by_library_and_dtype(operation: str, kind: str) -> None:
    assert kind_of(operation) == kind


@pytest.mark.parametrize(
    ("portable", "golden_reason", "digest", "holds"),
    [(True, "", "aa", True), (False, "", "aa", False), (True, "no", "aa", False), (True, "", "ab", False)],
)
def test_a_proof_holds_where_nothing_stands_against_it(
    portable: bool, golden_reason: str, digest: str, holds: bool
) -> None:
    answers = (Answer("exp float32", "torch float32", "aa", "aa", digest),)
    proof = Proof(portable, "", "EPYC", {}, False, answers, "g.safetensors", golden_reason)

    assert proof.holds is holds
