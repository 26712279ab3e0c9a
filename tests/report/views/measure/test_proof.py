from __future__ import annotations

from dataclasses import replace

from harness.core.portable.known_answers import Answer, Proof
from tests.report.screens import screen, shown, widest

BUILDS = {"table": "1", "libc": "glibc 2.36", "torch": "2.13.0+cpu", "numpy": "2.4.6"}

ANSWERS = (
    Answer("exp float32", "torch float32", "0da9b75b", "0da9b75b"),
    Answer("log float32", "torch float32", "fa750cf3", "fa750cf3"),
    Answer("numpy exp float64", "numpy", "24ce86ab", "24ce86ab"),
)

PORTABLE = Proof(True, "", "AMD EPYC 9654 (25/17)", BUILDS, remembered=True, answers=ANSWERS)

OTHER = replace(
    PORTABLE,
    portable=False,
    reason="this machine computes different bits for log float32",
    remembered=False,
    answers=(ANSWERS[0], replace(ANSWERS[1], computed="deadbeef"), ANSWERS[2]),
)


def test_by_default_the_kinds_and_what_differs() -> None:
    assert shown(lambda screen: screen.show_proof(OTHER, everything=False)) == screen("""
        kind           operations  differing  not compared
        ──────────────────────────────────────────────────
        torch float32           2          1             0
        numpy                   1          0             0

        operation    computed  on record  verdict
        ─────────────────────────────────────────
        log float32  deadbeef  fa750cf3   differs

        3 operations, 1 differing; computed just now on AMD EPYC 9654 (25/17); glibc
          2.36, torch 2.13.0+cpu, numpy 2.4.6

        not portable: this machine computes different bits for log float32
    """)


def test_everything_on_request() -> None:
    assert shown(lambda screen: screen.show_proof(PORTABLE, everything=True)) == screen("""
        operation          computed  on record  verdict
        ─────────────────────────────────────────────────
        exp float32        0da9b75b  0da9b75b   identical
        log float32        fa750cf3  fa750cf3   identical
        numpy exp float64  24ce86ab  24ce86ab   identical

        3 operations, 0 differing; remembered from an earlier start on AMD EPYC 9654
          (25/17); glibc 2.36, torch 2.13.0+cpu, numpy 2.4.6

        portable: this machine gives the answers on record for these builds
    """)


def test_builds_that_are_not_on_record_say_so() -> None:
    answers = tuple(replace(answer, on_record=None) for answer in ANSWERS[:1])
    text = shown(lambda screen: screen.show_proof(replace(PORTABLE, answers=answers), everything=True))

    assert "exp float32  0da9b75b  not on record  not compared" in text
    assert "1 operation, 0 differing, 1 not compared; " in text
    assert "nothing is on record for these builds, so each golden's own answers" in text


def test_a_golden_has_its_own_column_and_conclusion() -> None:
    answers = (replace(ANSWERS[0], golden="0da9b75b"), replace(ANSWERS[1], golden="deadbeef"), ANSWERS[2])
    proof = replace(PORTABLE, golden="g.safetensors", answers=answers)
    text = shown(lambda screen: screen.show_proof(proof, everything=False))

    assert "log float32  fa750cf3  fa750cf3   deadbeef  differs" in text
    assert "g.safetensors: 1 operation gave different bits there" in text

    alike = replace(proof, answers=(answers[0], ANSWERS[1]))
    text = shown(lambda screen: screen.show_proof(alike, everything=False))
    assert "g.safetensors: the same bits in 1 operation that both computed" in text

    text = shown(lambda screen: screen.show_proof(replace(alike, golden_reason="no FMA"), everything=False))
    assert "g.safetensors: not portable: no FMA" in text


def test_a_machine_that_cannot_be_portable_has_a_reason_and_no_table() -> None:
    proof = replace(PORTABLE, portable=False, reason="this CPU has no AVX2", answers=())

    assert shown(lambda screen: screen.show_proof(proof, everything=False)) == screen("""
        no operation was tested on AMD EPYC 9654 (25/17)

        not portable: this CPU has no AVX2
    """)


def test_quiet_leaves_the_conclusion() -> None:
    assert shown(lambda screen: screen.show_proof(OTHER, everything=True), quiet=True) == (
        "not portable: this machine computes different bits for log float32\n"
    )


def test_nothing_is_wider_than_the_screen() -> None:
    answers = (replace(ANSWERS[0], operation="conv2d channels_last " * 8),)
    text = shown(lambda screen: screen.show_proof(replace(PORTABLE, answers=answers), everything=True))

    assert widest(text) <= 80
