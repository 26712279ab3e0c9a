from __future__ import annotations

from dataclasses import replace

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from harness.core.environment import Change
from harness.core.results.reasons import InvariantFails, said
from harness.core.results.verdict import (
    CaseResult,
    ExactFinding,
    InvariantResult,
    Report,
    TensorResult,
    Verdict,
)
from harness.core.tolerance import METRICS, Relation
from tests.report.samples import (
    BROKEN,
    DRIFTED,
    DRIFTED_TENSOR,
    ERROR,
    FULL,
    IDENTICAL,
    NO_GOLDEN,
    PASSING,
    SKIPPED,
    WITHIN,
)
from tests.report.screens import screen, shown, shown_in_colour, widest, without_colours

FULL_SCREEN = screen("""
    case
        platform    relation       verdict    worst metric           exact   seconds
    ────────────────────────────────────────────────────────────────────────────────
    ddpm-digits/ddim@seed=0
        cpu-x86_64  same           identical                                     1.2
    ddpm-digits/ddim@seed=1
        cpu-x86_64  same-hardware  within     rel_l2 3.1e-06 <=                  1.2
                                              1.0e-05
    sd/variants@call.prompt=a-handwritten-seven-1a2b3c4d,
    scheduler.class=DDIMScheduler,seed=0
        cpu-x86_64  same-hardware  drifted    rel_l2 3.1e-04 >       1 fail     12.3
                                              1.0e-05
    sd/raises
        cpu-x86_64  -              broken                                        0.5
    sd/stale
        cpu-x86_64  same           stale                                         1.2
    sd/new
        cuda-sm90   -              no-golden                                     3.0
    hub/cifar10
        -           -              skipped                                       0.0
    unclip/hang
        -           -              error                                       600.0

    drifted  sd/variants@call.prompt=a-handwritten-seven-1a2b3c4d,
      scheduler.class=DDIMScheduler,seed=0  (cpu-x86_64, same-hardware)
      images: max_abs 0.00104 > 0.0001, rel_l2 0.000314 > 1e-05
      images  float32 1x16x16x3
        max_abs 1.0e-03 > 1.0e-04
        rel_l2 3.1e-04 > 1.0e-05
        would need: max_abs 1.1e-03, rel_l2 3.2e-04
        also: mean_abs 2.0e-05, cosine_distance 4.9e-08, psnr 66.4, max_ulp 13422,
          mismatched 0.97
      exact findings, golden -> now:
        fails  scheduler.timesteps: [980, 960, 940] -> [981, 961, 941]
        noted  unet.attn_processor: AttnProcessor -> AttnProcessor2_0
      forced replay, 1 of 2 boundaries beyond the limit:
        drifted  scheduler.step[3]: rel_l2 4.0e-03 > 1.0e-06
      first divergence: the first difference is the scheduler's step 3: its input
        matched bit for bit, its output is off by rel_l2 4e-3; everything after
        follows from it
      environment, golden -> now:
        diffusers: 0.41.0 -> 0.42.1
        torch: 2.12.0+cpu -> 2.13.0+cpu
        switches.threads: 1 -> 2
        switches.variables.MKL_CBWR: absent -> COMPATIBLE
        numpy: 2.2.0 -> 2.3.1
        xformers: 0.0.31 -> absent
        and 2 more, all in the JSON report
      next: if the change is intended:
        harness accept sd/variants@call.prompt=a-handwritten-seven-1a2b3c4d,scheduler.class=DDIMScheduler,seed=0 --reason ...

    broken  sd/raises  (cpu-x86_64)
      sd/raises: raised ValueError: height has to be divisible by 8 but is 30
      log:
        Traceback (most recent call last):
          File "pipeline.py", line 3, in check_inputs
        ValueError: height has to be divisible by 8 but is 30
      next: read the traceback, fix the pipeline or configs/sd/raises.yaml, then
            run:
        harness verify sd/raises

    stale  sd/stale  (cpu-x86_64, same)
      steps: 50 in the golden, now 20
      next: if the new definition is meant:
        harness record --update sd/stale

    no-golden  sd/new  (cuda-sm90)
      no golden on any platform
      next: record one here:
        harness record sd/new

    error  unclip/hang
      unclip/hang: no result within 600 s; the worker was killed
      log:
        loading prior
        loading decoder
      next: read the log, then run it alone:
        harness verify unclip/hang

    skipped
      hub/cifar10: google/ddpm-cifar10-32: the hub cannot be reached, and no copy
        lies in the cache of this machine

    warning: python: the pipeline drew from the global generator (in sd/variants@
      call.prompt=a-handwritten-seven-1a2b3c4d,scheduler.class=DDIMScheduler,seed=0,
      sd/raises)

    1 identical, 1 within, 1 drifted, 1 broken, 1 stale, 1 no-golden, 1 skipped, 1
    error: 5 of 8 cases failed, 1 of them because the harness could not find out
    (exit code 3)
""")  # noqa: E501 - a command is never wrapped


def _of(*cases: CaseResult) -> Report:
    return Report(None, cases)


def test_the_whole_screen() -> None:
    assert shown(lambda screen: screen.show_verify(FULL)) == FULL_SCREEN


def test_a_terminal_shows_the_same_in_colour() -> None:
    text = shown_in_colour(lambda screen: screen.show_verify(FULL))
    assert without_colours(text) == FULL_SCREEN
    assert "\x1b[1;31mdrifted\x1b[0m" in text
    assert "\x1b[32midentical\x1b[0m" in text


def test_short_ids_are_on_the_line_of_their_verdicts() -> None:
    same = [replace(IDENTICAL, case=f"ddpm/{name}") for name in ("ddim@seed=0", "ddim@seed=1", "ddpm")]
    assert shown(lambda screen: screen.show_verify(_of(*same))) == screen("""
        case              platform    relation  verdict    worst metric  seconds
        ────────────────────────────────────────────────────────────────────────
        ddpm/ddim@seed=0  cpu-x86_64  same      identical                    1.2
        ddpm/ddim@seed=1  cpu-x86_64  same      identical                    1.2
        ddpm/ddpm         cpu-x86_64  same      identical                    1.2

        3 identical: all pass (exit code 0)
    """)


def test_quiet_shows_the_failures_and_the_summary() -> None:
    quiet = shown(lambda screen: screen.show_verify(_of(IDENTICAL, SKIPPED, BROKEN)), quiet=True)
    assert quiet == screen("""
        broken  sd/raises  (cpu-x86_64)
          sd/raises: raised ValueError: height has to be divisible by 8 but is 30
          log:
            Traceback (most recent call last):
              File "pipeline.py", line 3, in check_inputs
            ValueError: height has to be divisible by 8 but is 30
          next: read the traceback, fix the pipeline or configs/sd/raises.yaml, then
                run:
            harness verify sd/raises

        1 identical, 1 broken, 1 skipped: 1 of 3 cases failed (exit code 1)
    """)
    passing = shown(lambda screen: screen.show_verify(PASSING), quiet=True)
    assert passing == "1 identical, 1 within, 1 skipped: all pass (exit code 0)\n"


def test_options_move_cases_between_failures_and_notes() -> None:
    report = _of(NO_GOLDEN, SKIPPED)
    lenient = shown(lambda screen: screen.show_verify(report, allow_missing=True))
    assert "no-golden\n  sd/new: no golden on any platform\n" in lenient
    assert "harness record" not in lenient
    strict = shown(lambda screen: screen.show_verify(report, strict=True))
    assert "\nskipped  hub/cifar10\n" in strict
    assert "\n    harness verify hub/cifar10\n" in strict


def test_a_passing_case_with_a_finding_is_reported() -> None:
    finding = ExactFinding("unet.attn_processor", "AttnProcessor", None, fails=False)
    text = shown(lambda screen: screen.show_verify(_of(replace(WITHIN, exact_findings=(finding,)))))
    assert "\n    noted  unet.attn_processor: AttnProcessor -> absent\n" in text


def test_the_exact_column_counts_what_fails_or_else_what_is_noted() -> None:
    noted = ExactFinding("unet.attn_processor", "AttnProcessor", None, fails=False)
    failing = ExactFinding("unet.calls", "50", "51", fails=True)
    same = [replace(IDENTICAL, case=f"ddpm/{name}") for name in "abc"]
    cases = (
        same[0],
        replace(same[1], exact_findings=(noted, noted)),
        replace(same[2], exact_findings=(noted, failing), verdict=Verdict.DRIFTED),
    )
    table = shown(lambda screen: screen.show_verify(_of(*cases))).partition("\n\n")[0]
    assert table + "\n" == screen("""
        case    platform    relation  verdict    worst metric  exact    seconds
        ───────────────────────────────────────────────────────────────────────
        ddpm/a  cpu-x86_64  same      identical                             1.2
        ddpm/b  cpu-x86_64  same      identical                2 noted      1.2
        ddpm/c  cpu-x86_64  same      drifted                  1 fail       1.2
    """)


def test_no_cases() -> None:
    assert shown(lambda screen: screen.show_verify(_of())) == "no cases (exit code 0)\n"


def test_control_sequences_of_a_log_do_not_reach_the_screen() -> None:
    text = shown(lambda screen: screen.show_verify(_of(ERROR)))
    assert "\x1b" not in text
    assert "\n    loading decoder\n" in text


# Shrinking reports of this size takes minutes.
QUICK = (Phase.explicit, Phase.reuse, Phase.generate)

NASTY = st.text("abcXYZ019 /@,=.-_'\"[]{}\t\n\r\x1b\x07七数字한글é", max_size=150)
IDS = st.text("abcXYZ019/@,=.-_七é", min_size=1, max_size=200)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
METRIC_VALUES = st.dictionaries(st.sampled_from(METRICS), NUMBERS)
TENSORS = st.builds(
    TensorResult,
    name=NASTY,
    verdict=st.sampled_from([Verdict.IDENTICAL, Verdict.WITHIN, Verdict.DRIFTED, Verdict.BROKEN]),
    dtype=st.sampled_from(["float32", "bfloat16", "none"]),
    shape=st.lists(st.integers(0, 10**6), max_size=8).map(tuple),
    metrics=st.dictionaries(st.sampled_from(METRICS), st.none() | NUMBERS),
    limits=METRIC_VALUES,
    needed=METRIC_VALUES,
    reasons=NASTY.map(said),
)
CHANGES = st.builds(Change, NASTY, st.none() | NASTY, st.none() | NASTY)
CASES = st.builds(
    CaseResult,
    case=IDS,
    verdict=st.sampled_from(list(Verdict)),
    platform=st.none() | NASTY,
    relation=st.none() | st.sampled_from(list(Relation)),
    golden=st.none() | NASTY,
    reasons=NASTY.map(said),
    seconds=st.floats(0, 1e9),
    tensors=st.lists(TENSORS, max_size=3).map(tuple),
    environment_changes=st.lists(CHANGES, max_size=3).map(tuple),
    log=st.lists(NASTY, max_size=3).map(tuple),
    warnings=st.lists(NASTY, max_size=2).map(tuple),
)


@settings(max_examples=60, deadline=None, phases=QUICK)
@given(st.lists(CASES, min_size=1, max_size=4))
def test_nothing_is_wider_than_80_columns_and_ids_are_whole(cases: list[CaseResult]) -> None:
    text = shown(lambda screen: screen.show_verify(_of(*cases)))
    assert widest(text) <= 80
    assert "\x1b" not in text
    squeezed = "".join(text.split())
    assert all("".join(case.case.split()) in squeezed for case in cases)


def test_the_longest_metric_name_fits() -> None:
    tensor = replace(DRIFTED_TENSOR, limits={"cosine_distance": 1e-9})
    case = replace(
        DRIFTED, platform="cpu-aarch64", relation=Relation.CROSS_HARDWARE, tensors=(tensor,), next_steps=()
    )
    text = shown(lambda screen: screen.show_verify(_of(case)))
    assert widest(text) <= 80
    assert "cosine_distance 4.9e-08 >" in text


def test_holding_invariants_are_counted_and_failing_ones_are_reported() -> None:
    why = "there is nothing to offload from on a CPU; use a GPU"
    failing = replace(
        IDENTICAL,
        case="sd/a",
        verdict=Verdict.DRIFTED,
        reasons=(InvariantFails("batch", said("images: rel_l2 0.1 > 1e-05")),),
        next_steps=(),
        invariants=(
            InvariantResult("batch", Verdict.DRIFTED, said("images: rel_l2 0.1 > 1e-05")),
            InvariantResult("save_load", Verdict.IDENTICAL),
            InvariantResult("offload", Verdict.SKIPPED, said(why)),
        ),
    )
    holding = replace(
        IDENTICAL, case="sd/b", invariants=(InvariantResult("batch", Verdict.WITHIN), failing.invariants[2])
    )
    text = shown(lambda screen: screen.show_verify(Report(None, (failing, holding))))
    assert text[text.index("drifted  sd/a  (") :] == screen("""
        drifted  sd/a  (cpu-x86_64, same)
          invariants, 1 of 3 do not hold:
            drifted  batch: images: rel_l2 0.1 > 1e-05

        invariants: 2 hold, 1 do not hold, 2 skipped
          sd/a offload, sd/b offload: there is nothing to offload from on a CPU; use a
            GPU

        1 identical, 1 drifted: 1 of 2 cases failed (exit code 1)
    """)


PORTABLE = "recorded on AMD EPYC 9654, run on Intel Xeon Platinum 8375C: portable, so judged bit for bit"


def test_goldens_of_other_cpus_are_reported_once_with_their_cases() -> None:
    cases = tuple(replace(IDENTICAL, case=f"sd/{number}", portability=PORTABLE) for number in range(4))
    text = shown(lambda screen: screen.show_verify(Report(None, cases)))

    assert " ".join(text.split()).count(f"{PORTABLE} (in 4 cases)") == 1


def test_a_failing_case_says_how_the_golden_of_another_cpu_came_to_judge() -> None:
    text = shown(
        lambda screen: screen.show_verify(Report(None, (replace(DRIFTED, portability=PORTABLE),))), quiet=True
    )

    assert f"portability: {PORTABLE}" in " ".join(text.split())
