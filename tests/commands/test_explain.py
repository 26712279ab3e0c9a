"""`harness explain` over the real command line; what it names is shown by the planted faults in tests/faults."""

from __future__ import annotations

from tests.support.project import TWO_STEPS, Project, patch_of

STEPS_TOO_LARGE = patch_of(
    "diffusers.schedulers.scheduling_ddim",
    """import functools
original = module.DDIMScheduler.step

@functools.wraps(original)
def step(self, *args, **kwargs):
    found = original(self, *args, **kwargs)
    found.prev_sample = found.prev_sample * 1.01
    return found

module.DDIMScheduler.step = step""",
)


def test_an_identical_case_passes_in_one_line(project: Project) -> None:
    ran = project.harness("explain", "ddim/two", "--device", "cpu")
    assert ran.code == 0, ran.out + ran.err
    assert "identical  ddim/two" in ran.out


def test_the_place_is_told_and_written_down(project: Project) -> None:
    ran = project.patch_late(STEPS_TOO_LARGE).harness("explain", "ddim/two", "--device", "cpu")
    assert ran.code == 1, ran.out + ran.err
    assert "the first difference is the scheduler's step 0" in " ".join(ran.out.split())
    [case] = project.report("explain.json")["cases"]
    found = case["first_divergence"]
    assert (found["stage"], found["component"], found["event"], found["index"]) == (
        "scheduler",
        "scheduler",
        "scheduler.step",
        0,
    )
    failing = [one for one in case["boundaries"] if one["verdict"] == "drifted"]
    # Fed the golden's tensors, each of the two steps is off by itself, and nothing else is.
    assert [(one["event"], one["index"]) for one in failing] == [("scheduler.step", 0), ("scheduler.step", 1)]


def test_a_case_that_raises_or_has_no_golden_is_told_like_in_verify(project: Project) -> None:
    project.config("ddim/new")
    project.config("raises", TWO_STEPS.replace("output_type: np", "batch_size: -1"))
    ran = project.harness("explain", "ddim/new", "raises", "--device", "cpu")
    assert ran.code == 1, ran.out + ran.err
    verdicts = {case["case"]: case["verdict"] for case in project.report("explain.json")["cases"]}
    assert verdicts == {"ddim/new": "no-golden", "raises": "broken"}
    assert not (project.folder / "out" / "report.json").exists()
