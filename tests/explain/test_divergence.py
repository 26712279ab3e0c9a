from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.core.results.verdict import Divergence, ExactFinding
from harness.core.tolerance import Relation
from harness.explain.divergence import first_divergence
from harness.golden.trace import Trace
from harness.judge.traces.exact import exact_findings
from tests.explain.simulated import run, structure
from tests.support.traces import Call, make_trace


@dataclass(frozen=True)
class Fault:
    """A planted fault and where it begins; `noisy` says whether it is larger than another machine's rounding."""

    name: str
    knobs: dict[str, Any]
    stage: str
    event: str
    index: int = 0
    module: str | None = None
    says: str = ""
    noisy: bool = True
    golden: dict[str, Any] = field(default_factory=dict)


FAULTS = [
    Fault("off-by-one timesteps", {"offset": 0}, "scheduler", "scheduler.set_timesteps"),
    Fault("timestep spacing", {"spacing": "linspace"}, "scheduler", "scheduler.set_timesteps"),
    Fault("timesteps handed on wrong", {"timestep_handed": 1}, "scheduler", "unet.forward", says="timestep"),
    Fault("beta schedule", {"beta_end": 0.02}, "scheduler", "scheduler.step"),
    Fault("final sigma", {"final_alpha": 1.0}, "scheduler", "scheduler.step", 5),
    Fault("eta", {"eta": 0.3}, "scheduler", "scheduler.step", says="eta"),
    Fault("eta inside the step", {"hidden_eta": 0.3}, "scheduler", "scheduler.step", says="draws noise"),
    Fault("guidance scale", {"guidance": 5.0}, "guidance", "scheduler.step", says="model_output"),
    Fault("guidance 7.499", {"guidance": 7.499}, "guidance", "scheduler.step"),
    Fault("halves swapped", {"swapped": True}, "guidance", "unet.forward", says="two halves swapped"),
    Fault("scaling factor", {"scaling": 0.13025}, "decoding", "vae.decode", says="the golden's times 1.39"),
    Fault("clip_sample", {"clip": 1.0}, "scheduler", "scheduler.step"),
    Fault("dropped token", {"dropped": 1}, "text_encoding", "tokenizer.__call__", says="12"),
    Fault("final layer norm", {"final_norm": False}, "text_encoding", "text_encoder.forward"),
    Fault("attention head", {"head": 1}, "denoiser", "unet.forward"),
    Fault("softmax scale", {"softmax": 1.01}, "denoiser", "unet.forward"),
    Fault("activation", {"activation": "relu"}, "denoiser", "unet.forward"),
    Fault("rounded weight", {"rounded": True}, "denoiser", "unet.forward", noisy=False),
    Fault("weight element", {"element": 1.01}, "denoiser", "unet.forward"),
    Fault("another seed", {"seed": 1}, "noise", "noise.randn_tensor", says="another seed"),
    Fault("additional draw", {"extra_draw": "before"}, "noise", "noise.randn_tensor", 1, says="is new"),
    Fault("draw in the step", {"extra_draw": "step"}, "scheduler", "scheduler.step", says="draws noise"),
    Fault(
        "draw more in the step", {"extra_draw": "step"}, "noise", "noise.randn_tensor", 2, golden={"eta": 0.5}
    ),
    Fault("one step fewer", {"steps": 5}, "scheduler", "scheduler.set_timesteps"),
    Fault("last turn left out", {"fewer_turns": 1}, "scheduler", "scheduler.step", 5, says="5 instead of 6"),
    Fault("noise scaled", {"latents_times": 1.5}, "noise", "scheduler.scale_model_input", says="times 1.5"),
    Fault("rounded picture", {"rounded_picture": True}, "post_processing", "image_processor.postprocess"),
    Fault(
        "eps in a module",
        {"eps": 2e-5, "structure": {"unet__mid_block_norm__eps": 2e-5}},
        "denoiser",
        "unet.forward",
        module="mid_block.norm",
        says="unet.mid_block.norm.eps: 1e-05 -> 2e-05",
    ),
    Fault(
        "eps below every number",
        {"structure": {"unet__mid_block_norm__eps": 2e-5}},
        "denoiser",
        "unet.forward",
        module="mid_block.norm",
        says="no number stands out",
    ),
    Fault(
        "config of the scheduler alone",
        {"structure": {"scheduler__beta_end": 0.02}},
        "scheduler",
        "scheduler.step",
        says="scheduler.config.beta_end: 0.012 -> 0.02",
    ),
]


@pytest.fixture(scope="module")
def goldens(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Fault], Trace]:
    """The golden that a fault is planted over."""
    folder = tmp_path_factory.mktemp("goldens")
    plain = run(folder / "golden.safetensors")
    return lambda fault: run(folder / "other.safetensors", **fault.golden) if fault.golden else plain


def explained(golden: Trace, now: Trace, relation: Relation) -> Divergence:
    found = first_divergence(golden, now, exact_findings(golden, now, ()), relation)
    assert found is not None
    return found


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault_on_the_same_machine(fault: Fault, goldens: Callable[[Fault], Trace], tmp_path: Path) -> None:
    now = run(tmp_path / "now.safetensors", **(fault.golden | fault.knobs))
    found = explained(goldens(fault), now, Relation.SAME)
    assert (found.stage, found.event, found.index) == (fault.stage, fault.event, fault.index)
    assert found.module == fault.module
    assert found.component == fault.event.rpartition(".")[0]
    assert fault.says in found.sentence


@pytest.mark.parametrize("fault", [one for one in FAULTS if one.noisy], ids=lambda fault: fault.name)
def test_fault_among_rounding(fault: Fault, goldens: Callable[[Fault], Trace], tmp_path: Path) -> None:
    now = run(tmp_path / "now.safetensors", jitter=1e-7, **(fault.golden | fault.knobs))
    found = explained(goldens(fault), now, Relation.SAME_HARDWARE)
    assert (found.stage, found.event, found.index) == (fault.stage, fault.event, fault.index)
    assert found.module == fault.module


VALUES = np.arange(1.0, 401).astype(np.float32)


def off(by: float) -> np.ndarray:
    return (VALUES.astype(np.float64) * (1 + by)).astype(np.float32)


def call(name: str, given: float, gave: float, slot: str = "sample") -> Call:
    return Call(name, {slot: off(given)}, {"0": off(gave)})


def located(folder: Path, now: list[Call], findings: tuple[ExactFinding, ...] = ()) -> Divergence:
    """Where `now` diverges from the same calls without any error, on another machine."""
    perfect = [
        Call(one.name, dict.fromkeys(one.inputs, VALUES), dict.fromkeys(one.outputs, VALUES)) for one in now
    ]
    traces = [make_trace(folder / str(i), one, structure=structure()) for i, one in enumerate((perfect, now))]
    found = first_divergence(traces[0], traces[1], findings, Relation.SAME_HARDWARE)
    assert found is not None
    return found


def test_an_earlier_call_that_matched_rules_rounding_out(tmp_path: Path) -> None:
    now = [call("unet.forward", 0, gave) for gave in (0, 0, 2e-6)]
    found = located(tmp_path, [*now, call("scheduler.step", 2e-6, 1e-2, "model_output")])
    assert (found.event, found.index) == ("unet.forward", 2)
    assert "uncertain" not in found.sentence


def test_nothing_stands_out_behind_networks_that_matched(tmp_path: Path) -> None:
    now = [call("text_encoder.forward", 0, 0), call("unet.forward", 0, 2e-6)]
    found = located(tmp_path, [*now, call("scheduler.step", 2e-6, 2e-5, "model_output")])
    assert (found.event, found.stage) == ("unet.forward", "denoiser")
    assert "uncertain" in found.sentence


def test_schedulers_are_known_to_raise_an_error(tmp_path: Path) -> None:
    now = [call("unet.forward", 1e-6, 2e-5), call("scheduler.step", 2e-5, 1.2e-4, "model_output")]
    found = located(tmp_path, now)
    assert (found.event, found.stage) == ("unet.forward", "denoiser")
    assert "uncertain" in found.sentence


def test_no_module_for_what_was_handed_in(tmp_path: Path) -> None:
    finding = ExactFinding("unet.mid_block.norm.eps", "1e-05", "1e-06", fails=True)
    now = [call("unet.forward", 0.1, 0.1, "encoder_hidden_states")]
    found = located(tmp_path, now, (finding,))
    assert (found.stage, found.module) == ("text_encoding", None)
    assert "unet.mid_block.norm.eps: 1e-05 -> 1e-06" in found.sentence


def test_noise_of_another_machine(tmp_path: Path) -> None:
    found = located(
        tmp_path, [Call("noise.randn_tensor", {}, {"noise": off(0.5)}), call("unet.forward", 0.5, 0.5)]
    )
    assert (found.stage, found.event, found.component) == ("noise", "noise.randn_tensor", "noise")


def test_rounding_in_the_noise_of_another_machine(tmp_path: Path) -> None:
    noise = Call("noise.randn_tensor", {}, {"noise": off(1.2e-7)})
    now = [noise, call("unet.forward", 1.2e-7, 2e-7), call("scheduler.step", 2e-7, 4e-3, "model_output")]
    assert located(tmp_path, now).event == "scheduler.step"


def test_arguments_of_the_call(tmp_path: Path) -> None:
    golden, now = (
        make_trace(tmp_path / name, [Call("pipeline.__call__", values={"prompt": name})])
        for name in ("a", "b")
    )
    found = first_divergence(golden, now, (), Relation.SAME)
    assert found is not None
    assert (found.stage, found.component) == ("inputs", "pipeline")
    assert found.sentence.startswith("the pipeline was called differently: prompt is a in the golden, now b")


def test_nothing(tmp_path: Path) -> None:
    golden = run(tmp_path / "golden")
    assert first_divergence(golden, golden, (), Relation.SAME) is None
    assert first_divergence(golden, golden, (), Relation.CROSS_HARDWARE) is None


def test_findings_that_fail_nothing(tmp_path: Path) -> None:
    golden = run(tmp_path / "golden")
    finding = ExactFinding("unet.mid_block.norm.eps", "1e-05", "1e-06", fails=False)
    assert first_divergence(golden, golden, (finding,), Relation.SAME) is None
