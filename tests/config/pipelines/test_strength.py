"""The arithmetic that is read from the text of diffusers gives what its own code gives when it runs."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.config.pipelines import strength
from harness.config.pipelines.installed import diffusers_folder
from harness.config.pipelines.signatures import ClassText, class_in, installed_class
from harness.config.pipelines.strength import Left, Schedule

STEPS = (1, 2, 3, 4, 7, 10, 49, 50)
STRENGTHS = (0, 0.0, 0.01, 0.05, 0.1, 0.29, 1 / 3, 0.5, 0.57, 0.8, 0.99, 1, 1.0)


def pipelines() -> Iterator[tuple[ClassText, ast.FunctionDef]]:
    """Every class of the installed pipelines that calls a `get_timesteps` of its own with a strength."""
    root = diffusers_folder()
    assert root is not None
    for file in sorted((root / "pipelines").rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        if "self.get_timesteps(" not in text:
            continue
        for node in ast.parse(text).body:
            if isinstance(node, ast.ClassDef):
                methods = {one.name: one for one in node.body if isinstance(one, ast.FunctionDef)}
                called = ast.unparse(methods["__call__"]) if "__call__" in methods else ""
                if "self.get_timesteps(" in called and "strength" in called:
                    found = class_in(file, node.name)
                    assert found is not None
                    yield found, methods["get_timesteps"]


def outcome(function: ast.FunctionDef, steps: int, given: float, schedule: Schedule) -> tuple[int, int]:
    """How many timesteps and steps the function itself gives, run with a scheduler that has no more than lengths."""
    function = ast.FunctionDef(**{**vars(function), "decorator_list": []})
    for argument in function.args.args:
        argument.annotation = None
    space: dict = {}
    exec(compile(ast.Module([function], []), "text", "exec"), space)  # diffusers' own text
    times = list(range(schedule.timesteps))
    scheduler = SimpleNamespace(timesteps=times, order=schedule.order, set_begin_index=lambda _: None)
    values = {
        "num_inference_steps": steps,
        "strength": given,
        "timesteps": times,
        "sigmas": times,
        "device": "cpu",
        "denoising_start": None,
    }
    names = [one.arg for one in function.args.args[1:]]
    *_, left, count = space["get_timesteps"](
        SimpleNamespace(scheduler=scheduler), **{n: values[n] for n in names}
    )
    return len(left), count


def test_every_pipeline_of_diffusers_is_understood_and_computed_as_it_computes() -> None:
    found = list(pipelines())
    assert len(found) > 50
    for pipeline, function in found:
        read = strength.arithmetic(pipeline)
        assert read is not None, pipeline.name
        assert read.strength is not None, pipeline.name
        for steps, given, order in itertools.product(STEPS, STRENGTHS, (1, 2)):
            schedule = Schedule(order, steps if order == 1 else 2 * steps - 1)
            expected = outcome(function, steps, given, schedule)
            got = read.left({"num_inference_steps": steps, read.strength: given}, schedule)
            assert got == Left(*expected), (pipeline.name, steps, given, schedule)


def test_how_many_timesteps_a_scheduler_makes_of_steps() -> None:
    """The lengths that are assumed, against the schedulers themselves."""
    diffusers = pytest.importorskip("diffusers")
    for name in ("DDIMScheduler", "EulerDiscreteScheduler", "HeunDiscreteScheduler", "KDPM2DiscreteScheduler",
                 "DPMSolverMultistepScheduler", "UniPCMultistepScheduler", "LMSDiscreteScheduler"):  # fmt: skip
        scheduler = getattr(diffusers, name)()
        for steps in (1, 2, 5, 20):
            scheduler.set_timesteps(steps)
            [assumed] = strength.schedules(name, steps)
            assert assumed == Schedule(scheduler.order, len(scheduler.timesteps)), (name, steps)
    pndm = diffusers.PNDMScheduler(skip_prk_steps=True)
    for steps in (1, 2, 5, 20):
        pndm.set_timesteps(steps)
        assert strength.schedules("PNDMScheduler", steps) == (Schedule(pndm.order, len(pndm.timesteps)),)


def test_an_unknown_scheduler_may_be_any_usual_one() -> None:
    assert set(strength.schedules(None, 3)) == {Schedule(1, 3), Schedule(1, 4), Schedule(2, 5)}
    assert set(strength.schedules("MyOwnScheduler", 1)) == {Schedule(1, 1), Schedule(2, 1)}


def own(folder: Path, get_timesteps: str, call: str = "") -> ClassText:
    text = f"""
class Mine:
    def __call__(self, image, strength=0.5, num_inference_steps=2, device=None):
        {call or "pass"}
        timesteps, num_inference_steps = self.get_timesteps(num_inference_steps, strength, device)

    def get_timesteps(self, num_inference_steps, strength, device):
        {get_timesteps}
"""
    (folder / "mine.py").write_text(text)
    found = class_in(folder / "mine.py", "Mine")
    assert found is not None
    return found


@pytest.mark.parametrize(
    "text",
    [
        "return self.something(num_inference_steps, strength)",
        "return self.scheduler.timesteps",
        "for _ in range(3): pass",
        "return self.scheduler.timesteps[num_inference_steps // 0:], num_inference_steps",
        "return unknown[3:], num_inference_steps",
        "return self.scheduler.timesteps[:3], num_inference_steps",
    ],
)
def test_what_is_not_understood_is_passed_over(tmp_path: Path, text: str) -> None:
    read = strength.arithmetic(own(tmp_path, text))
    assert read is not None
    assert read.left({}, Schedule(1, 2)) is None
    assert not read.leaves_none({}, Schedule(1, 2))


def test_defaults_count_where_nothing_is_given(tmp_path: Path) -> None:
    text = "return self.scheduler.timesteps[num_inference_steps - int(num_inference_steps * strength):], 1"
    read = strength.arithmetic(own(tmp_path, text))
    assert read is not None
    assert read.left({}, Schedule(1, 2)) == Left(1, 1)
    assert read.left({"strength": 0.4}, Schedule(1, 2)) == Left(0, 1)


def test_a_call_that_changes_the_steps_first_is_passed_over(tmp_path: Path) -> None:
    pipeline = own(
        tmp_path, "return self.scheduler.timesteps[3:], 1", "num_inference_steps = 2 * num_inference_steps"
    )
    assert strength.arithmetic(pipeline) is None


def test_pipelines_without_that_arithmetic_are_passed_over() -> None:
    for name in ("StableDiffusionPipeline", "LatentConsistencyModelImg2ImgPipeline", "DDIMPipeline"):
        pipeline = installed_class(name)
        assert pipeline is not None
        assert strength.arithmetic(pipeline) is None
