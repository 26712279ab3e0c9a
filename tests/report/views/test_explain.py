from __future__ import annotations

from dataclasses import replace

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from harness.core.environment import Change
from harness.core.results.explanation import Explanation, GrowthRow, Likelihood, Suspect
from harness.core.results.next_step import failure_steps, harness_step
from harness.core.results.reasons import BoundaryExceeded, ReplayExceeds
from harness.core.results.verdict import Boundary, CaseResult, Divergence, ExactFinding, Verdict
from tests.report.samples import BROKEN, DRIFTED, ERROR, IDENTICAL, NO_GOLDEN, SKIPPED, STALE, WITHIN
from tests.report.screens import screen, shown, shown_in_colour, widest, without_colours


def _row(event: str, stage: str, curve: tuple[float | None, ...], given: float | None = 0.0) -> GrowthRow:
    differing = next((place for place, error in enumerate(curve) if error != 0.0), None)
    first = None if differing is None else curve[differing]
    numbers = {"first": first, "worst": None, "last": curve[-1], "given": given}
    calls = len(curve)
    return GrowthRow(event, event.split(".")[0], stage, calls, calls, differing, **numbers, curve=curve)


STAGES = (
    _row("pipeline.__call__", "inputs", (0.0,)),
    _row("noise.randn_tensor", "noise", (0.0,)),
    _row("unet.forward", "denoiser", (0.0, 0.0, 0.0, 0.0, 6e-4), given=4e-3),
    _row("scheduler.step", "scheduler", (0.0, 0.0, 0.0, 4e-3, 3e-3), given=6e-4),
    _row("pipeline.output", "post_processing", (3e-3,), given=3e-3),
)

SUSPECTS = (
    Suspect(Change("software.packages.diffusers", "0.41.0", "0.42.1"), Likelihood.LIKELY),
    Suspect(Change("weights.vae", "ab" * 32, "cd" * 32), Likelihood.POSSIBLE),
    *(Suspect(Change(f"software.packages.p{n}", "1", None), Likelihood.UNLIKELY) for n in range(6)),
)

NEAR = (
    Boundary("unet.forward", 48, 1.1e-6, 6e-6, Verdict.WITHIN),
    Boundary("unet.forward", 49, 1.9e-6, 6e-6, Verdict.WITHIN),
    Boundary("scheduler.step", 49, 1.1e-7, 1e-6, Verdict.WITHIN),
)

FULL = Explanation(
    replace(
        DRIFTED,
        case="sd/a",
        boundaries=NEAR,
        next_steps=(harness_step("if meant", "record", "--update", "sd/a"),),
    ),
    DRIFTED.first_divergence,
    STAGES,
    SUSPECTS,
    NEAR,
    ("the run's noise is not the golden's",),
)


def _shown(*explanations: Explanation, deep: bool = False, quiet: bool = False) -> str:
    return shown(lambda screen: screen.show_explanations(explanations, deep=deep), quiet=quiet)


def test_the_whole_screen() -> None:
    other = Explanation(replace(IDENTICAL, exact_findings=()), None, STAGES[:2], (), ())
    assert _shown(FULL, other) == screen("""
        identical  ddpm-digits/ddim@seed=0  (cpu-x86_64, same)

        drifted  sd/a  (cpu-x86_64, same-hardware)
          images: max_abs 0.00104 > 0.0001, rel_l2 0.000314 > 1e-05
          exact findings, golden -> now:
            fails  scheduler.timesteps: [980, 960, 940] -> [981, 961, 941]
            noted  unet.attn_processor: AttnProcessor -> AttnProcessor2_0
          where it began: the first difference is the scheduler's step 3: its input
            matched bit for bit, its output is off by rel_l2 4e-3; everything after
            follows from it
            stage scheduler, component scheduler, event scheduler.step[3]
          rel_l2 by call (▁ below 1e-7, a step per decade, █ from 0.1, · bit-identical):
          event              stage            calls  from     in  first   last  growth
          ────────────────────────────────────────────────────────────────────────────
            unet.forward     denoiser             5     4  4e-03  6e-04  6e-04  ····▅
          > scheduler.step   scheduler            5     3  6e-04  4e-03  3e-03  ···▆▆
            pipeline.output  post_processing      1     0  3e-03  3e-03  3e-03  ▆
          bit-identical: pipeline.__call__, noise.randn_tensor
          forced replay: all 3 boundaries within their limits, the worst
            unet.forward[49] 1.9e-06 of 6.0e-06
          what differs, golden -> now, and how well it explains this:
            likely    diffusers: 0.41.0 -> 0.42.1
            possible  weights.vae: abababababab -> cdcdcdcdcdcd
            unlikely  p0: 1 -> absent
            unlikely  p1: 1 -> absent
            unlikely  p2: 1 -> absent
            unlikely  p3: 1 -> absent
            and 2 more unlikely
          note: the run's noise is not the golden's
          next: if meant:
            harness record --update sd/a

        warning: python: the pipeline drew from the global generator (in sd/a)

        2 cases: 1 identical, 1 drifted
    """)


def test_a_terminal_shows_the_same_in_colour() -> None:
    text = shown_in_colour(lambda screen: screen.show_explanations([FULL], deep=False))
    assert without_colours(text) == _shown(FULL)
    assert "\x1b[1;31m> scheduler.step" in text
    assert "\x1b[1;31mfails\x1b[0m" in text
    assert "\x1b[1;33mlikely\x1b[0m" in text
    assert "\x1b[1mwhere it began: the first difference" in text


def test_identical_cases_take_a_line_each_and_a_single_one_is_not_counted() -> None:
    cases = [Explanation(replace(IDENTICAL, case=name), None, STAGES[:2], (), NEAR) for name in "ab"]
    assert _shown(cases[0]) == "identical  a  (cpu-x86_64, same)\n"
    assert _shown(*cases) == screen("""
        identical  a  (cpu-x86_64, same)
        identical  b  (cpu-x86_64, same)

        2 cases: 2 identical
    """)
    assert _shown() == "no cases\n"


def test_an_identical_case_with_something_to_report_is_shown_in_full() -> None:
    noted = ExactFinding("unet.attn_processor", "A", "B", fails=False)
    for told in (
        Explanation(replace(IDENTICAL, exact_findings=(noted,)), None),
        Explanation(IDENTICAL, None, notes=("the golden has no trace",)),
        Explanation(IDENTICAL, DRIFTED.first_divergence),
        Explanation(IDENTICAL, None, boundaries=(Boundary("vae.decode", 0, 1.0, 0.0, Verdict.DRIFTED),)),
    ):
        assert _shown(told).count("\n") > 1


def test_quiet_leaves_what_fails_and_the_count() -> None:
    passing = Explanation(WITHIN, DRIFTED.first_divergence, STAGES)
    text = _shown(passing, FULL, Explanation(IDENTICAL, None), quiet=True)
    assert text.startswith("drifted  sd/a")
    assert text.endswith("\n\n3 cases: 1 identical, 1 within, 1 drifted\n")
    assert "within  ddpm" not in text
    assert "warning" not in text


def test_a_case_that_was_not_compared_has_its_reason_and_its_log() -> None:
    assert _shown(Explanation(ERROR, None)) == screen("""
        error  unclip/hang
          unclip/hang: no result within 600 s; the worker was killed
          log:
            loading prior
            loading decoder
          next: read the log, then run it alone:
            harness verify unclip/hang
    """)
    assert "harness record sd/new\n" in _shown(Explanation(NO_GOLDEN, None))


def test_at_most_eight_findings_and_six_boundaries() -> None:
    findings = tuple(ExactFinding(f"unet.f{n}", "1", "2", fails=n != 0) for n in range(10))
    failing = tuple(Boundary("vae.decode", n, 1e-3, 1e-6, Verdict.DRIFTED) for n in range(8))
    text = _shown(replace(FULL, result=replace(DRIFTED, exact_findings=findings), boundaries=failing))
    assert [n for n in range(10) if f"  unet.f{n}: 1 -> 2\n" in text] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [n for n in range(8) if f"vae.decode[{n}]: rel_l2 1.0e-03 > 1.0e-06\n" in text] == [
        0,
        1,
        2,
        3,
        4,
        5,
    ]
    assert text.count("    and 2 more, all in the JSON report\n") == 2


def test_a_reason_that_its_boundaries_repeat_is_left_out() -> None:
    failing = (Boundary("vae.decode", 0, 1e-3, 1e-6, Verdict.DRIFTED),)
    result = replace(
        IDENTICAL,
        verdict=Verdict.DRIFTED,
        reasons=(ReplayExceeds((BoundaryExceeded("vae.decode", 0, 1e-3, 1e-6),)),),
    )
    text = _shown(Explanation(result, None, boundaries=failing))
    assert text.count("vae.decode[0]") == 1


def _next(divergence: Divergence | None, *, deep: bool = False, result: CaseResult = DRIFTED) -> str:
    """The text after `next:` for a case with the short id `sd/a b`."""
    text = _shown(Explanation(replace(result, case="sd/a b"), divergence), deep=deep)
    return text.partition("  next: ")[2]


NETWORK = Divergence("decoding", "vae", "vae.decode", 0, None, 1e-3, "the vae's decode")


def test_the_module_is_asked_for_where_a_network_differs_and_none_is_known() -> None:
    step = "to name the module:\n    harness explain 'sd/a b' --deep\n"
    assert _next(NETWORK).startswith(step)
    for other in (
        None,
        replace(NETWORK, module="decoder.mid_block"),
        replace(NETWORK, stage="scheduler", event="scheduler.step"),
        replace(NETWORK, stage="text_encoding", event="tokenizer.__call__"),
        replace(NETWORK, stage="image_encoding", event="image_processor.preprocess"),
    ):
        assert "--deep" not in _next(other)
    assert "--deep" not in _next(NETWORK, deep=True)


def test_a_failure_goes_on_to_fixing_or_accepting_the_change() -> None:
    accept = "if the change is intended:\n    harness accept 'sd/a b' --reason ...\n"
    assert _next(None, result=replace(DRIFTED, next_steps=())).startswith(accept)
    told = _next(None, result=replace(DRIFTED, next_steps=failure_steps("sd/a b", ("diffusers 0.41.0",))))
    # What leads here is left out, the rest of it stays.
    assert "harness explain" not in told
    assert "go back to diffusers 0.41.0 or fix what moved the case" in " ".join(told.split())
    assert accept in told
    told = _next(None, result=replace(DRIFTED, next_steps=failure_steps("sd/a b")))
    assert "if the change is not intended, fix the cause named above\n" in told


def test_other_next_steps_stay() -> None:
    assert "harness verify sd/raises\n" in _next(None, result=BROKEN)
    assert "--update" not in _next(None, result=BROKEN)
    assert _next(None, result=STALE).count("--update") == 1
    assert _next(None, result=replace(SKIPPED, next_steps=())) == ""


def test_the_module_is_named() -> None:
    found = replace(NETWORK, module="decoder.mid_block.resnets.0")
    assert (
        "\n    stage decoding, component vae, event vae.decode[0], module\n      decoder.mid_block.resnets.0\n"
        in _shown(Explanation(DRIFTED, found))
    )


def test_traces_in_which_nothing_stands_out() -> None:
    text = _shown(Explanation(DRIFTED, None, STAGES))
    assert "\n  where it began: nothing in the trace stands out\n" in text
    assert "where it began" not in _shown(Explanation(DRIFTED, None))


def test_without_suspects_the_environment_stays() -> None:
    text = _shown(Explanation(DRIFTED, None))
    assert "\n  environment, golden -> now:\n    diffusers: 0.41.0 -> 0.42.1\n" in text


NASTY = st.text("abcXYZ019 /@,=.-_'\"[]{}\t\n\r\x1b\x07七数字한글é", max_size=120)
ERRORS = st.none() | st.floats(0.0, 1e300)
ROWS = st.builds(
    GrowthRow,
    event=NASTY,
    component=NASTY,
    stage=NASTY,
    calls=st.integers(0, 10**5),
    calls_now=st.integers(0, 10**5),
    differing=st.none() | st.integers(0, 10**5),
    first=ERRORS,
    worst=ERRORS,
    last=ERRORS,
    given=ERRORS,
    curve=st.lists(ERRORS, max_size=60).map(tuple),
)
EXPLANATIONS = st.builds(
    Explanation,
    result=st.just(FULL.result),
    divergence=st.none()
    | st.builds(Divergence, NASTY, NASTY, NASTY, st.integers(0, 99), NASTY, ERRORS, NASTY),
    stages=st.lists(ROWS, max_size=4).map(tuple),
    suspects=st.lists(
        st.builds(Suspect, st.builds(Change, NASTY, NASTY, st.none()), st.sampled_from(Likelihood)),
        max_size=3,
    ).map(tuple),
    boundaries=st.lists(
        st.builds(Boundary, NASTY, st.integers(0, 99), ERRORS, st.floats(0, 1), st.sampled_from(Verdict)),
        max_size=3,
    ).map(tuple),
    notes=st.lists(NASTY, max_size=2).map(tuple),
)


@settings(max_examples=60, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(EXPLANATIONS)
def test_nothing_is_wider_than_80_columns_nor_a_control_sequence(explanation: Explanation) -> None:
    text = _shown(explanation)
    assert widest(text) <= 80
    assert "\x1b" not in text
