"""Invariants: which runs a case asks for, and over the real command line that a breach is found without a golden."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.case import Case, Compile, GeneratorKind, Memory, Offload, Preparation, Variant
from harness.core.invariant import Invariant, InvariantKind
from harness.core.tolerance import Limits
from harness.trials.invariants import Asked, asked_of
from tests.core.samples import case
from tests.support.project import TWO_STEPS, Project, patch_of


def asked(invariant: Invariant, **changes: object) -> Asked:
    (one,) = asked_of([case(invariants=(invariant,), **changes)], Path("out"))
    return one


def varied(invariant: Invariant) -> Case:
    run = asked(invariant).trial
    assert run is not None
    return run.case


def test_options_of_the_case_are_changed_one_at_a_time() -> None:
    offloaded = varied(Invariant(InvariantKind.OFFLOAD))
    assert offloaded.variant == Variant(memory=Memory(offload=Offload.MODEL))
    assert varied(Invariant(InvariantKind.HALF, dtype="bfloat16")).model.dtype == "bfloat16"
    compiled = varied(Invariant(InvariantKind.COMPILE, components=("unet",), devices=("cuda",)))
    assert compiled.variant.compile == Compile(("unet",))
    assert compiled.devices == ("cuda",)


def test_what_no_option_gives_is_the_workers_doing() -> None:
    run = asked(Invariant(InvariantKind.BATCH, size=3), seed=5).trial
    assert run is not None
    assert run.perturbation is not None
    assert (run.perturbation.name, run.perturbation.strength) == ("invariant.batch", 3)
    other = asked(Invariant(InvariantKind.GENERATOR_STATE), seed=5).trial
    assert other is not None
    assert other.perturbation is not None
    assert other.perturbation.seed != 5
    assert other.capture != run.capture


@pytest.mark.parametrize(
    ("kind", "changes", "reason"),
    [
        (InvariantKind.SAVE_LOAD, {"allow_nondeterministic": True}, "nondeterministic: allow"),
        (InvariantKind.BATCH, {"generator": GeneratorKind.NONE}, "hands no generator"),
        (InvariantKind.GENERATOR_STATE, {"generator": GeneratorKind.NONE}, "hands no generator"),
        (InvariantKind.SAVE_LOAD, {"variant": Variant(channels_last=("unet",))}, "not saved"),
        (InvariantKind.SAVE_LOAD, {"before": (Preparation("invert"),)}, "not saved"),
        (
            InvariantKind.OFFLOAD,
            {"variant": Variant(memory=Memory(offload=Offload.MODEL))},
            "already runs that way",
        ),
    ],
)
def test_where_there_is_nothing_to_compare_nothing_is_run(
    kind: InvariantKind, changes: dict[str, object], reason: str
) -> None:
    one = asked(Invariant(kind), **changes)
    assert one.trial is None
    assert reason in one.reason


def test_invariants_leave_the_definition_alone() -> None:
    with_one = case(invariants=(Invariant(InvariantKind.BATCH, Limits(rel_l2=1.0)),))
    assert with_one.digest() == case().digest()


SEEDED = (
    TWO_STEPS + "invariants: {batch: {rel_l2: 1.0e-4, size: 3}, generator_state: exact, save_load: exact}\n"
)
HALF = TWO_STEPS + "invariants: {half: {rel_l2: 1.0e-12}, attention_slicing: exact}\n"

# Each sample is moved by the mean over the batch, and by numbers from the global generator.
LEAKING = patch_of(
    "diffusers.models.unets.unet_2d",
    """\
import torch
original = module.UNet2DModel.forward
def forward(self, sample, *args, **kwargs):
    return original(self, sample + 0.01 * sample.std(0, correction=0) + 0.01 * torch.rand(()), *args, **kwargs)
module.UNet2DModel.forward = forward""",
)


def test_invariants_hold_without_a_golden_and_a_breach_is_found(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.config("holds", SEEDED)
    project.config("half", HALF)
    ran = project.harness("verify", "--device", "cpu", "--allow-missing")
    half, holds = project.report()["cases"]
    assert ran.code == 1, ran.out + ran.err
    assert [one["verdict"] for one in holds["invariants"]][1:] == ["identical", "identical"]
    assert holds["invariants"][0]["verdict"] in ("identical", "within")
    assert holds["verdict"] == "no-golden"
    # A limit far below the spacing of float16 numbers cannot be met; sliced attention is not known to this network.
    assert (half["verdict"], half["invariants"][1]["verdict"]) == ("drifted", "drifted")
    assert half["invariants"][1]["tensors"][0]["metrics"]["rel_l2"] > 1e-5
    assert half["invariants"][0]["verdict"] == "skipped"
    assert "enable_attention_slicing changes no module" in ran.out
    assert "half: images: rel_l2" in half["reason"]

    ran = project.patch_late(LEAKING).harness("verify", "holds", "--device", "cpu", "--allow-missing")
    assert ran.code == 1, ran.out + ran.err
    (leaking,) = project.report()["cases"]
    found = {one["invariant"]: one["verdict"] for one in leaking["invariants"]}
    assert found == {"batch": "drifted", "generator_state": "drifted", "save_load": "identical"}
    assert leaking["verdict"] == "drifted"
