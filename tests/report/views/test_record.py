from __future__ import annotations

from dataclasses import replace

from harness.core.results.reasons import said
from harness.core.results.recording import RecordReport, RecordState
from tests.report.samples import LONG_ID, RECORD
from tests.report.screens import screen, shown, widest

SCREEN = screen("""
    case                  platform    state             seconds
    ───────────────────────────────────────────────────────────
    ddpm-digits/new       cpu-x86_64  recorded              2.5
    ddpm-digits/updated   cpu-x86_64  updated               2.0
    ddpm-digits/a         cpu-x86_64  unchanged             2.0
    ddpm-digits/kept-1    cpu-x86_64  kept                  0.0
    ddpm-digits/kept-2    cpu-x86_64  kept                  0.0
    ddpm-digits/unseeded  cpu-x86_64  nondeterministic      2.1

    updated  ddpm-digits/updated  (cpu-x86_64)
      images  float32 1x16x16x3
        images: not bit for bit equal
        max_abs 1.0e-03, mean_abs 2.0e-05, rel_l2 3.1e-04, cosine_distance 4.9e-08,
          psnr 66.4, max_ulp 13422, mismatched 0.97
      definition, golden -> now:
        steps: 50 -> 20
      environment, golden -> now:
        torch: 2.12.0 -> 2.13.0

    nondeterministic  ddpm-digits/unseeded  (cpu-x86_64)
      two runs in fresh processes gave different bits, so nothing was stored
      images  float32 1x16x16x3
        images: not bit for bit equal
        max_abs 1.0e-03, mean_abs 2.0e-05, rel_l2 3.1e-04, cosine_distance 4.9e-08,
          psnr 66.4, max_ulp 13422, mismatched 0.97
      next: measure it:
        harness repeat ddpm-digits/unseeded
      next: if it is meant to differ, set `nondeterministic: allow`

    kept
      ddpm-digits/kept-1: the golden already exists and was not replaced
      ddpm-digits/kept-2: the golden already exists and was not replaced
      next: to record it again:
        harness record --update ddpm-digits/kept-1
        harness record --update ddpm-digits/kept-2

    warning: python: the pipeline drew from the global generator (in
      ddpm-digits/unseeded)

    1 recorded, 1 updated, 1 unchanged, 2 kept, 1 nondeterministic: 1 of 6 cases
    failed (exit code 1)
""")


def test_the_whole_screen() -> None:
    assert shown(lambda screen: screen.show_record(RECORD)) == SCREEN


def test_quiet_shows_the_failures_and_the_summary() -> None:
    quiet = shown(lambda screen: screen.show_record(RECORD), quiet=True)
    start = SCREEN.index("nondeterministic  ddpm")
    assert quiet == SCREEN[start : SCREEN.index("kept\n  ddpm")] + SCREEN[SCREEN.index("1 recorded") :]


def test_an_error_shows_its_log() -> None:
    error = replace(
        RECORD.cases[0], state=RecordState.ERROR, reasons=said("killed by signal 9"), log=("last line",)
    )
    text = shown(lambda screen: screen.show_record(RecordReport(None, (error,))))
    assert text.endswith(
        screen("""
            error  ddpm-digits/new  (cpu-x86_64)
              killed by signal 9
              log:
                last line

            1 error: 1 of 1 case failed, 1 of them because the harness could not find out
            (exit code 3)
        """)
    )


def test_long_ids_fit() -> None:
    cases = tuple(replace(case, case=LONG_ID, next_steps=()) for case in RECORD.cases)
    assert widest(shown(lambda screen: screen.show_record(RecordReport(None, cases)))) <= 80


def test_a_recording_that_was_not_finished_says_so() -> None:
    report = RecordReport(None, (), finished=False, not_run=(LONG_ID,))
    told = shown(lambda screen: screen.show_record(report))
    assert told == "not finished: 1 case was not run to the end; so far no cases (exit code 3)\n"


def test_what_somebody_left_neither_passes_nor_fails() -> None:
    [recorded] = [case for case in RECORD.cases if case.state is RecordState.RECORDED][:1]
    left, refused = replace(recorded, state=RecordState.LEFT), replace(recorded, state=RecordState.REJECTED)
    report = RecordReport(None, (recorded, left, refused))
    text = shown(lambda screen: screen.show_record(report))
    assert text.endswith("1 recorded, 1 rejected, 1 left (exit code 0)\n")
