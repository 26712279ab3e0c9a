"""A job becomes a capture, or an outcome that says what stood in the way; cases leave each other alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMPipeline
from safetensors import safe_open

from harness import zoo
from harness.codec import from_json
from harness.core.capture import CaptureDocument, Completed, Lost, Outcome, Raised, Unavailable
from harness.core.case import (
    Attention,
    Case,
    Compile,
    Determinism,
    GeneratorKind,
    ModelSpec,
    SchedulerSpec,
    Variant,
)
from harness.core.messages import Job, Progress
from harness.core.results.reasons import MissingName, OtherDevice
from harness.worker import seeding
from harness.worker.environment import classes, determinism
from harness.worker.execute import JobRunner
from harness.worker.portable import holes, proof
from tests.core.samples import case
from tests.worker import fakes

SWITCHES = Determinism(cublas_workspace=None)


@pytest.fixture(autouse=True)
def _no_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)


class Bench:
    """A runner on the CPU, with a folder for its captures and a list of what it reported."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "capture.safetensors"
        self.progress: list[Progress] = []
        self._runner = JobRunner(torch.device("cpu"), self.progress.append)

    @property
    def spent(self) -> bool:
        return self._runner.spent

    def outcome(self, job_case: Case) -> Outcome:
        return self._runner.run(Job(job_case, str(self.path)))

    def run(self, **changes: Any) -> Outcome:
        return self.outcome(case(**{"determinism": SWITCHES, **changes}))

    def capture(self, **changes: Any) -> tuple[dict[str, torch.Tensor], CaptureDocument]:
        outcome = self.run(**changes)
        assert isinstance(outcome, Completed), outcome
        with safe_open(self.path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, from_json(CaptureDocument, file.metadata()["harness"])

    def drawn(self, sources: str, **changes: Any) -> tuple[dict[str, list[float]], CaptureDocument]:
        tensors, document = self.capture(pipeline="Drawing", steps=None, call={"sources": sources}, **changes)
        return {name.removeprefix("output/"): tensor.tolist() for name, tensor in tensors.items()}, document


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


# A real pipeline


def test_the_capture_is_what_the_pipeline_gives_in_a_bare_script(bench: Bench) -> None:
    tensors, document = bench.capture(steps=3, seed=7, call={"batch_size": 2})
    bare = DDIMPipeline.from_pretrained(zoo.model_dir("ddpm-digits"))
    generator = torch.Generator("cpu").manual_seed(7)
    images = bare(batch_size=2, generator=generator, num_inference_steps=3, output_type="np").images
    assert tensors.keys() == {"output/images"}
    assert (images.dtype, images.shape) == (np.float32, (2, 16, 16, 1))
    assert tensors["output/images"].numpy().tobytes() == images.tobytes()
    assert document.filled_in == {"output_type": "np"}
    assert (document.warnings, document.global_rngs) == ((), ())
    assert document.environment.switches == determinism.read_back()


def test_the_first_run_tells_how_long_loading_took_and_the_second_loads_nothing(bench: Bench) -> None:
    first, second = (bench.capture()[1].seconds for _ in range(2))
    assert first.load > 0
    assert second.load == 0
    assert min(first.run, second.run) > 0


CASES = {
    "plain": {},
    "shifted": {"scheduler": SchedulerSpec(None, {"steps_offset": 1})},
    "stochastic": {"call": {"eta": 1.0}},
    "trailing": {"scheduler": SchedulerSpec("DDIMScheduler", {"timestep_spacing": "trailing"})},
    "other": {"model": ModelSpec("builtin:ddpm-digits", dtype="float64")},
}


def test_a_case_gives_the_same_bits_alone_first_last_and_shuffled(tmp_path: Path) -> None:
    alone = {name: Bench(tmp_path).capture(**changes)[1].sha256 for name, changes in CASES.items()}
    assert len({digest["output/images"] for digest in alone.values()}) == len(CASES)
    names, together = list(CASES), Bench(tmp_path)
    orders = [names[place:] + names[:place] for place in range(len(names))]
    for order in orders:
        assert {name: together.capture(**CASES[name])[1].sha256 for name in order} == alone


def test_progress_is_that_of_the_pipeline(bench: Bench) -> None:
    bench.capture(steps=3)
    assert bench.progress[0] == Progress("loading", 0, 0)
    assert bench.progress[-1] == Progress("running", 3, 3)


# Generators


pytestmark = pytest.mark.usefixtures("_fakes")


def test_every_run_gets_a_fresh_generator_of_the_cases_seed(bench: Bench) -> None:
    expected = torch.randn(4, generator=torch.Generator().manual_seed(2**64 - 1)).tolist()
    for _ in range(2):
        drawn, document = bench.drawn("passed", seed=2**64 - 1)
        assert drawn == {"passed": expected}
        assert document.global_rngs == ()


def test_the_same_generator_is_never_handed_over_twice(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    original = seeding.fresh_generator
    monkeypatch.setattr(seeding, "fresh_generator", lambda *args: made.append(original(*args)) or made[-1])
    for _ in range(3):
        bench.drawn("passed")
    assert len({id(generator) for generator in made}) == 3


@pytest.mark.parametrize("source", ["torch", "numpy", "python"])
def test_whoever_draws_from_a_global_generator_gets_seeded_numbers_and_is_reported(
    bench: Bench, source: str
) -> None:
    (first, document), (second, _) = bench.drawn(source, seed=3), bench.drawn(source, seed=3)
    assert document.global_rngs == (source,)
    assert first == second
    assert bench.drawn(source, seed=4)[0] != first


def test_several_global_generators_are_all_reported(bench: Bench) -> None:
    assert bench.drawn("passed python numpy torch")[1].global_rngs == ("numpy", "python", "torch")


def test_none_is_unseeded_on_purpose(bench: Bench) -> None:
    drawn = [bench.drawn("passed torch numpy python", generator=GeneratorKind.NONE) for _ in range(2)]
    assert all(
        drawn[0][0][source] != drawn[1][0][source] for source in ("passed", "torch", "numpy", "python")
    )
    assert drawn[0][1].global_rngs == ("numpy", "python", "torch")


def test_without_a_seed_runs_differ_too(bench: Bench) -> None:
    first, second = (bench.drawn("passed torch", seed=None)[0] for _ in range(2))
    assert first["passed"] != second["passed"]
    assert first["torch"] != second["torch"]


def test_a_pipeline_that_takes_no_generator_is_seeded_by_the_global_ones(bench: Bench) -> None:
    options: dict[str, Any] = {
        "pipeline": "DrawingWithoutGenerator",
        "steps": None,
        "generator": GeneratorKind.NONE,
    }
    (first, document), (second, _) = bench.capture(**options), bench.capture(**options)
    assert torch.equal(first["output/torch"], second["output/torch"])
    assert document.global_rngs == ("torch",)


# What a capture says


def returned(bench: Bench, kind: str) -> Outcome:
    return bench.run(pipeline="Returning", steps=None, generator=GeneratorKind.NONE, call={"kind": kind})


def test_no_gradients_are_recorded_for_the_pipeline(bench: Bench) -> None:
    assert isinstance(returned(bench, "grad"), Completed)
    with safe_open(bench.path, framework="pt") as file:
        assert file.get_tensor("output/output").tolist() == [0.0]


def test_a_switch_that_the_pipeline_turns_is_reported_and_put_back(bench: Bench) -> None:
    for _ in range(2):
        _, document = bench.capture(pipeline="Meddling", steps=None, generator=GeneratorKind.NONE)
        assert document.environment.switches.deterministic_algorithms
        assert document.warnings == (
            "switch deterministic_algorithms: the pipeline changed it from True to False while it ran",
        )


def test_what_was_asked_for_and_is_not_in_effect_is_in_the_capture(bench: Bench) -> None:
    _, document = bench.capture(determinism=Determinism(cublas_workspace=":16:8"))
    assert document.environment.switches.cublas_workspace is None
    assert document.warnings == ("determinism.cublas_workspace: :16:8 was requested, None is in effect",)


def test_harness_threads_overrides_the_cases_threads(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_THREADS", "2")
    assert bench.drawn("torch")[1].environment.switches.threads == 2
    assert bench.drawn("torch")[1].warnings == ()
    monkeypatch.delenv("HARNESS_THREADS")
    assert bench.drawn("torch")[1].environment.switches.threads == 1


# Outcomes other than a capture


def test_a_pipeline_that_raises_is_a_result_with_its_traceback(bench: Bench) -> None:
    outcome = bench.run(
        pipeline="Raising",
        steps=None,
        generator=GeneratorKind.NONE,
        call={"text": "\nno such latents\nsecond line"},
    )
    assert isinstance(outcome, Raised)
    assert outcome.message == "ValueError: no such latents"
    assert "in __call__" in outcome.traceback
    assert "second line" in outcome.traceback
    assert outcome.environment.platform.startswith("cpu-")
    assert not bench.path.exists()


def test_an_exception_without_words_has_its_name(bench: Bench) -> None:
    outcome = bench.run(pipeline="Raising", steps=None, generator=GeneratorKind.NONE, call={"text": ""})
    assert isinstance(outcome, Raised)
    assert outcome.message == "ValueError"


def test_weights_that_cannot_be_loaded_raise(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text(
        '{"_class_name": "DDIMPipeline", "unet": ["diffusers", "UNet2DModel"]}'
    )
    outcome = bench.run(model=ModelSpec(str(tmp_path)))
    assert isinstance(outcome, Lost)
    assert "save the model again" in outcome.reason


def test_a_model_out_of_reach_is_unavailable(bench: Bench) -> None:
    outcome = bench.run(model=ModelSpec("harness-tests/no-such-model"))
    assert isinstance(outcome, Unavailable)
    assert outcome.reason.startswith("harness-tests/no-such-model: HF_HUB_OFFLINE is set")


def test_a_missing_package_is_unavailable(bench: Bench) -> None:
    outcome = bench.run(pipeline="NeedsAbsentModule")
    assert isinstance(outcome, Unavailable)
    assert "no_such_package_anywhere" in outcome.reason
    assert outcome.lacking is not None
    assert outcome.lacking.name == "no_such_package_anywhere"
    assert outcome.reason == f"{outcome.lacking.message}; pip install no_such_package_anywhere"


@pytest.mark.parametrize("attention", [Attention.EFFICIENT, Attention.CUDNN])
def test_an_attention_backend_of_gpus_is_unavailable_on_a_cpu(bench: Bench, attention: Attention) -> None:
    assert bench.run(determinism=Determinism(attention=attention)) == Unavailable(
        f"determinism.attention: {attention}: torch has this backend on CUDA only, not on cpu"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"scheduler": SchedulerSpec(None, {"step_offset": 1})},
            "scheduler.step_offset = 1: DDIMScheduler takes",
        ),
        ({"pipeline": "OldPipeline"}, "pipeline = 'OldPipeline': diffusers"),
    ],
    ids=["scheduler", "pipeline"],
)
def test_a_case_that_this_pipeline_cannot_carry_out_names_file_key_and_value(
    bench: Bench, changes: dict[str, Any], words: str
) -> None:
    outcome = bench.run(**changes)
    assert isinstance(outcome, Lost)
    assert outcome.reason.startswith(f"configs/digits.yaml: {words}")
    # Other versions may have the name.
    assert outcome.lacking is not None
    assert f"'{outcome.lacking.name}'" in words or f".{outcome.lacking.name} =" in words
    assert outcome.lacking.message in outcome.reason


class Unimportable:
    """A diffusers that has a class whose module cannot be imported."""

    __version__ = "1.0"

    def __getattr__(self, name: str) -> object:
        fakes.NeedsAbsentSubmodule.from_pretrained()
        raise AssertionError(name)


def test_a_class_whose_module_cannot_be_imported_names_what_is_missing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classes, "diffusers", Unimportable())
    outcome = bench.run(pipeline="DDIMPipeline")
    assert isinstance(outcome, Lost)
    assert outcome.next_steps
    assert outcome.lacking == MissingName("torch.no_such_module", outcome.reason)


def test_an_argument_that_the_pipeline_does_not_take_is_as_if_it_raised(bench: Bench) -> None:
    # Verify checks calls without a golden beforehand; a recorded one was taken once, and is a regression.
    outcome = bench.run(call={"promt": "seven"})
    assert isinstance(outcome, Raised)
    assert outcome.message.startswith("call.promt = 'seven': DDIMPipeline takes no `promt`")


def test_an_output_that_cannot_be_compared_leaves_no_capture(bench: Bench) -> None:
    assert returned(bench, "unknown") == Lost(
        "configs/digits.yaml: 1: a builtins.object has no tensors, images, numbers or text to compare"
    )
    assert not bench.path.exists()


def test_a_capture_that_cannot_be_written_is_not_the_pipelines_fault(bench: Bench) -> None:
    bench.path.mkdir()
    outcome = bench.run()
    assert isinstance(outcome, Lost)
    assert outcome.reason.startswith(f"{bench.path}: the capture cannot be written (")
    assert [file.name for file in bench.path.parent.iterdir()] == ["capture.safetensors"]


def test_after_a_rejected_case_the_next_has_the_same_bits(bench: Bench) -> None:
    before = bench.capture()[1].sha256
    bench.run(scheduler=SchedulerSpec(None, {"steps_offset": 1, "no_such": 1}))
    bench.run(call={"promt": "seven"})
    assert bench.capture()[1].sha256 == before


def test_a_case_for_other_devices_is_unavailable_before_its_model_is_fetched(bench: Bench) -> None:
    outcome = bench.run(model=ModelSpec("harness-tests/no-such-model"), devices=("cuda", "mps"))
    told = "cpu: the case runs only on cuda or mps; choose one with --device"
    assert outcome == Unavailable(told, OtherDevice("cpu", ("cuda", "mps")))


# What keeps a run from being portable


PORTABLE = Determinism(cublas_workspace=None, portable=True)

KEPT_OFF = (
    "determinism.portable is not in effect: {}; remove that, or state "
    "`determinism: {{portable: false}}` in {}"
)


@pytest.fixture
def portable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process in which every cure is said to be in effect, and a compiler that leaves code as it is."""
    monkeypatch.setattr(proof, "is_in_effect", lambda: True)
    compile_nothing = torch.nn.Module.compile
    monkeypatch.setattr(
        torch.nn.Module, "compile", lambda self, **_how: compile_nothing(self, backend="eager")
    )
    holes.watch()
    yield
    holes.unwatch()


def test_a_portable_run_is_stored_as_such(bench: Bench, portable: None) -> None:
    _, document = bench.capture(determinism=PORTABLE)

    assert document.environment.switches.portable
    assert document.environment.not_portable is None
    assert document.warnings == ()
    assert not bench.spent


def test_a_compiled_component_keeps_a_run_off(bench: Bench, portable: None) -> None:
    _, document = bench.capture(determinism=PORTABLE, variant=Variant(compile=Compile(("unet",))))

    assert not document.environment.switches.portable
    assert document.environment.not_portable == holes.COMPILED
    assert document.warnings == (KEPT_OFF.format(holes.COMPILED, "configs/digits.yaml"),)


def test_code_that_a_pipeline_compiles_unasked_keeps_it_off_and_spends_the_process(
    bench: Bench, portable: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    double = torch.compile(lambda x: x * 2, backend="eager")
    call = DDIMPipeline.__call__
    monkeypatch.setattr(DDIMPipeline, "__call__", lambda *a, **k: (double(torch.ones(2)), call(*a, **k))[1])

    _, document = bench.capture(determinism=PORTABLE)

    assert document.environment.not_portable == holes.COMPILED
    assert bench.spent


def test_who_asks_for_no_portable_run_is_told_nothing_of_it(bench: Bench, portable: None) -> None:
    _, document = bench.capture(
        determinism=Determinism(cublas_workspace=None, portable=False),
        variant=Variant(compile=Compile(("unet",))),
    )

    assert document.warnings == ()
