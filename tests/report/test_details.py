from __future__ import annotations

from dataclasses import replace

from harness.core.environment import Change
from harness.core.results.next_step import NextStep, NextSteps, advice, harness_step
from harness.core.results.reasons import (
    BoundaryExceeded,
    ExactDiffers,
    MoreExactFindings,
    PipelineRaised,
    ReplayExceeds,
    said,
)
from harness.core.results.verdict import Boundary, ExactFinding, Verdict
from harness.report.details import (
    Line,
    by_relevance,
    case_details,
    next_lines,
    reason_lines,
    replay_lines,
    text_of,
    warning_lines,
)
from tests.report.samples import BROKEN, DRIFTED, DRIFTED_TENSOR, ERROR
from tests.report.screens import screen


def test_a_drifted_case_says_everything_in_order() -> None:
    short = replace(DRIFTED, case="sd/a", next_steps=(harness_step("", "explain", "sd/a"),))
    assert text_of(case_details(short)) + "\n" == screen(
        """
        drifted  sd/a  (cpu-x86_64, same-hardware)
          images: max_abs 0.00104 > 0.0001, rel_l2 0.000314 > 1e-05
          images  float32 1x16x16x3
            max_abs 1.0e-03 > 1.0e-04
            rel_l2 3.1e-04 > 1.0e-05
            would need: max_abs 1.1e-03, rel_l2 3.2e-04
            also: mean_abs 2.0e-05, cosine_distance 4.9e-08, psnr 66.4, max_ulp 13422, mismatched 0.97
          exact findings, golden -> now:
            fails  scheduler.timesteps: [980, 960, 940] -> [981, 961, 941]
            noted  unet.attn_processor: AttnProcessor -> AttnProcessor2_0
          forced replay, 1 of 2 boundaries beyond the limit:
            drifted  scheduler.step[3]: rel_l2 4.0e-03 > 1.0e-06
          first divergence: the first difference is the scheduler's step 3: its input matched bit for bit, """
        """its output is off by rel_l2 4e-3; everything after follows from it
          environment, golden -> now:
            diffusers: 0.41.0 -> 0.42.1
            torch: 2.12.0+cpu -> 2.13.0+cpu
            switches.threads: 1 -> 2
            switches.variables.MKL_CBWR: absent -> COMPATIBLE
            numpy: 2.2.0 -> 2.3.1
            xformers: 0.0.31 -> absent
            and 2 more, all in the JSON report
          next:
            harness explain sd/a
    """
    )


def test_a_log_keeps_its_indentation_and_loses_its_colours() -> None:
    lines = [line.text for line in case_details(BROKEN)]
    assert '  File "pipeline.py", line 3, in check_inputs' in lines
    assert "loading decoder" in [line.text for line in case_details(ERROR)]


def test_a_tensors_own_reason_is_shown_unless_the_case_shows_it() -> None:
    broken = replace(
        DRIFTED_TENSOR, verdict=Verdict.BROKEN, limits={}, metrics={}, needed={}, reasons=said("3 new NaN")
    )
    told = text_of(
        case_details(
            replace(DRIFTED, tensors=(broken,), reasons=(*said("images: drifted"), *said("3 new NaN")))
        )
    )
    untold = text_of(case_details(replace(DRIFTED, tensors=(broken,), reasons=said("images are broken"))))
    assert told.count("3 new NaN") == 1
    assert "\n    3 new NaN\n" in untold


def test_many_tensors_are_counted_not_listed() -> None:
    frames = tuple(replace(DRIFTED_TENSOR, name=f"frame-{n}") for n in range(9))
    text = text_of(case_details(replace(DRIFTED, tensors=frames)))
    assert "frame-5" in text
    assert "frame-6" not in text
    assert "and 3 more tensors, all in the JSON report" in text


def _finding(what: str, *, fails: bool = True) -> ExactFinding:
    return ExactFinding(what, "1", "2", fails)


def test_failing_findings_come_first_and_six_are_shown() -> None:
    findings = (_finding("unet.class", fails=False), *(_finding(f"calls-{n}") for n in range(6)))
    lines = [line.text for line in case_details(replace(DRIFTED, exact_findings=findings))]
    start = lines.index("exact findings, golden -> now:")
    assert lines[start + 1 : start + 8] == [
        *(f"fails  calls-{n}: 1 -> 2" for n in range(6)),
        "and 1 more, all in the JSON report",
    ]


def test_a_reason_does_not_say_the_findings_below_it_again() -> None:
    findings = tuple(map(_finding, ("unet.calls", "a;b.c", "d", "e", "f")))
    told = (*(ExactDiffers(what, "1", "2") for what in ("unet.calls", "a;b.c", "d")), MoreExactFindings(2))
    result = replace(DRIFTED, exact_findings=findings, reasons=told)
    assert reason_lines(result, 6) == []
    tensor = replace(result, reasons=(*said("images: max_abs 2 > 1"), *told))
    assert reason_lines(tensor, 6) == [Line("images: max_abs 2 > 1", indent=2)]


EXCEEDS = ReplayExceeds((BoundaryExceeded("scheduler.step", 30, 4e-3, 1e-6),))


def test_a_reason_keeps_what_is_not_shown_below_it() -> None:
    findings = (_finding("unet.calls"), _finding("unet.eps"))
    result = replace(DRIFTED, exact_findings=findings)
    for reason, words in (
        (ExactDiffers("vae.unet.calls", "1", "2"), "vae.unet.calls: 1 in the golden, now 2"),
        (ExactDiffers("unet.calls", "1", "20"), "unet.calls: 1 in the golden, now 20"),
        (
            PipelineRaised("ValueError", run="forced"),
            "forced replay: the pipeline raised ValueError",
        ),
    ):
        assert reason_lines(replace(result, reasons=(reason,)), 6) == [Line(words, indent=2)]
    nothing = replace(result, exact_findings=(), boundaries=(), reasons=(MoreExactFindings(7), EXCEEDS))
    assert [line.text for line in reason_lines(nothing, 6)] == [
        "7 more exact findings; forced replay: scheduler.step[30] rel_l2 0.004 > 1e-06"
    ]
    cut = replace(result, reasons=(ExactDiffers("unet.eps", "1", "2"),))
    assert reason_lines(cut, 1) == [Line("unet.eps: 1 in the golden, now 2", indent=2)]


def _boundaries(*rel_l2: float | None) -> tuple[Boundary, ...]:
    return tuple(
        Boundary("unet.forward", place, value, 1e-6, Verdict.WITHIN if value else Verdict.IDENTICAL)
        for place, value in enumerate(rel_l2)
    )


def test_a_reason_that_only_names_boundaries_is_replaced_by_them() -> None:
    failing = tuple(
        replace(one, verdict=Verdict.DRIFTED) for one in _boundaries(2e-6, 3e-6, 4e-6, 5e-6, 6e-6)
    )
    broken = Boundary("→ vae.decode", 0, None, 1e-6, Verdict.BROKEN)
    result = replace(
        DRIFTED,
        tensors=(),
        boundaries=(*_boundaries(0.0), broken, *failing),
        reasons=(ReplayExceeds((BoundaryExceeded("→ vae.decode", 0, None, 1e-6),), more=5),),
    )
    assert reason_lines(result, 6) == []
    assert [line.text for line in replay_lines(result.boundaries, 4)] == [
        "forced replay, 6 of 7 boundaries beyond the limit:",
        "broken   → vae.decode[0]: missing, new, or of a different dtype or shape",
        "drifted  unet.forward[0]: rel_l2 2.0e-06 > 1.0e-06",
        "drifted  unet.forward[1]: rel_l2 3.0e-06 > 1.0e-06",
        "drifted  unet.forward[2]: rel_l2 4.0e-06 > 1.0e-06",
        "and 2 more, all in the JSON report",
    ]
    assert "vae.decode[0]" in text_of(case_details(result))
    assert "unet.forward[2]" in text_of(case_details(result))
    assert "unet.forward[3]" not in text_of(case_details(result))


def test_boundaries_inside_their_limits_take_one_line() -> None:
    def told(*boundaries: Boundary) -> list[str]:
        return [line.text for line in replay_lines(boundaries, 4)]

    loose = Boundary("vae.decode", 0, 9e-7, 6e-6, Verdict.WITHIN)
    assert told() == []
    assert told(*_boundaries(0.0, 3e-7, 2e-7), loose) == [
        "forced replay: all 4 boundaries within their limits, the worst unet.forward[1] 3.0e-07 of 1.0e-06"
    ]
    assert told(*_boundaries(0.0, 0.0)) == ["forced replay: all 2 boundaries bit-identical"]
    noise = Boundary("noise.randn", 0, None, 0.0, Verdict.DRIFTED)
    assert told(noise)[1] == "drifted  noise.randn[0]: not bit for bit the golden's"


def test_by_relevance_puts_hardware_and_numeric_libraries_first() -> None:
    names = [
        "software.os",
        "software.packages.numpy",
        "switches.threads",
        "software.packages.torch",
        "hardware.gpu",
    ]
    ordered = [change.what for change in by_relevance([Change(name, "1", "2") for name in names])]
    assert ordered == [
        "hardware.gpu",
        "software.packages.torch",
        "switches.threads",
        "software.packages.numpy",
        "software.os",
    ]


def _steps(*results: NextSteps) -> list[tuple[str, bool]]:
    return [(line.text, line.whole) for line in next_lines(results)]


def test_next_commands_stand_alone_and_whole() -> None:
    assert _steps((harness_step("", "verify", "a"),)) == [("next:", False), ("harness verify a", True)]
    assert _steps((harness_step("to record it again", "record", "--update", "a"),)) == [
        ("next: to record it again:", False),
        ("harness record --update a", True),
    ]
    meant = NextStep("if it is meant, set `nondeterministic: allow`")
    assert _steps((harness_step("measure it", "repeat", "a"), meant)) == [
        ("next: measure it:", False),
        ("harness repeat a", True),
        ("next: if it is meant, set `nondeterministic: allow`", False),
    ]
    assert _steps(advice("let the pipeline return something")) == [
        ("next: let the pipeline return something", False)
    ]
    assert _steps((), ()) == []


def test_a_command_is_quoted_as_a_shell_takes_it() -> None:
    assert _steps((harness_step("", "verify", "a; b"),)) == [
        ("next:", False),
        ("harness verify 'a; b'", True),
    ]


def test_steps_with_one_prose_are_gathered() -> None:
    assert _steps(*((harness_step("record", "record", case),) for case in "aba")) == [
        ("next: record:", False),
        ("harness record a", True),
        ("harness record b", True),
    ]


def test_warnings_name_up_to_three_cases() -> None:
    lines = warning_lines([("a", ["few", "many"]), ("b", ["many"]), ("c", ["many"]), ("d", ["many"])])
    assert [line.text for line in lines] == ["warning: few (in a)", "warning: many (in 4 cases)"]


def test_text_of_indents() -> None:
    assert text_of([Line("a"), Line("b", indent=2)]) == "a\n  b"
