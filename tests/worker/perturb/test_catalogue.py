from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.core.measured.mutants import MUTANTS
from harness.core.perturbation import Perturbation
from harness.worker.perturb.catalogue import CATALOGUE, Perturbed, Where
from harness.worker.perturb.site import NotApplicable
from tests.worker.perturb.planting import PROMPT, ddim, images, planted, stable_diffusion
from tests.worker.trace.runs import record, unclip

# A DDIM of two steps asks for noise once, steps with eta 0, scales neither noise nor input, and has no text.
IDLE_IN_DDIM = {
    "scheduler.eta_ignored",
    "scheduler.variance_scaled",
    "scheduler.input_unscaled",
    "text_encoding.mask_ignored",
    "text_encoding.embeddings_scaled",
    "seeding.reseeded",
    "seeding.noise_shared",
}
SILENT_IN_DDIM = {"scheduler.init_noise_sigma", "post_processing.not_clamped", "structure.train_mode"}
SILENT_IN_SD = {"text_encoding.pooled_projection_off", "structure.train_mode"}


def planted_each(run: Callable[[], Any], pipeline: Any) -> dict[str, str]:
    """Every fault by name: `no place`, `idle` where it never acted, `silent` where the output is the same, `seen`."""
    right, found = run(), dict[str, str]()
    for name in MUTANTS:
        try:
            with planted(pipeline, name) as perturbed:
                output = run()
        except NotApplicable:
            found[name] = "no place"
            continue
        same = np.array_equal(output, right, equal_nan=True)
        found[name] = "seen" if not same else "silent" if perturbed.acted else "idle"
        assert perturbed.acted or same, f"{name} changed the output and did not say so"
    assert np.array_equal(run(), right), "a fault was left behind"
    return found


def chosen(found: dict[str, str], what: str) -> set[str]:
    return {name for name, state in found.items() if state == what}


def test_every_fault_has_its_plant() -> None:
    others = ("benign", "invariant")
    assert {name for name in CATALOGUE if not name.startswith(others)} == MUTANTS.keys()
    assert len(MUTANTS) >= 40


def test_every_fault_in_a_ddim() -> None:
    found = planted_each(lambda: images(ddim()), ddim())
    assert chosen(found, "idle") == IDLE_IN_DDIM
    assert chosen(found, "silent") == SILENT_IN_DDIM
    assert {name.partition(".")[0] for name in chosen(found, "no place")} == {
        "scheduler",  # two need sigmas
        "guidance",
        "text_encoding",
        "precision",  # the VAE's
        "decoding",
        "post_processing",  # channels
    }


@pytest.mark.slow
def test_every_fault_in_a_stable_diffusion() -> None:
    pipeline = stable_diffusion()
    found = planted_each(lambda: images(pipeline, prompt=PROMPT, num_inference_steps=3), pipeline)
    assert chosen(found, "no place") == {"scheduler.final_sigma", "scheduler.sigma_shift"}
    assert chosen(found, "silent") == SILENT_IN_SD


@pytest.mark.slow
def test_every_fault_in_an_unclip() -> None:
    steps = {f"{stage}_num_inference_steps": 2 for stage in ("prior", "decoder", "super_res")}

    def run() -> Any:
        return images(unclip(), prompt=PROMPT, num_inference_steps=None, **steps)

    found = planted_each(run, unclip())
    assert len(chosen(found, "seen")) > 45
    assert "guidance.swapped" in chosen(found, "seen")


@pytest.mark.parametrize(
    ("name", "event", "way"),
    [
        ("scheduler.step_scaled", "scheduler.step", "outputs"),
        ("denoiser.residual_scaled", "unet.forward", "outputs"),
        ("scheduler.denoiser_timestep", "unet.forward", "inputs"),
        ("post_processing.shifted", "pipeline.output", "inputs"),
        ("seeding.noise_scaled", "noise.randn_tensor", "outputs"),
    ],
)
def test_the_recorder_sees_a_fault_where_it_is(tmp_path: Path, name: str, event: str, way: str) -> None:
    """INSIDE a component as what comes out of it, BETWEEN components as what goes in; replay undoes the rest."""
    call = {"num_inference_steps": 2, "output_type": "np"}
    golden = record(tmp_path, ddim(), **call)
    perturbed = Perturbed(ddim(), Perturbation(name))
    with perturbed.planted(Where.INSIDE):
        faulty = _forced(tmp_path, golden.capture, perturbed, call)
    first = next(
        (ours.name, side)
        for ours, theirs in zip(golden.trace.events, faulty.trace.events, strict=True)
        for side in ("inputs", "outputs")
        if ours.signature.module is None
        if any(
            not golden.trace.same(row, faulty.trace, other)
            for row, other in zip(getattr(ours, side), getattr(theirs, side), strict=True)
        )
    )
    assert first == (event, way)


def _forced(folder: Path, golden: Path, perturbed: Perturbed, call: dict[str, Any]) -> Any:
    from contextlib import ExitStack

    with ExitStack() as stack:
        return record(
            folder,
            ddim(),
            forced=golden,
            meanwhile=lambda: stack.enter_context(perturbed.planted(Where.BETWEEN)),
            **call,
        )


def test_a_strength_may_be_left_out() -> None:
    assert MUTANTS["seeding.noise_scaled"].strength == 1e-3
    right = images(ddim())
    with planted(ddim(), "seeding.noise_scaled"):
        default = images(ddim())
    with planted(ddim(), "seeding.noise_scaled", 1e-3):
        assert np.array_equal(images(ddim()), default)
    assert not np.array_equal(default, right)
