"""From a config to its case: every key arrives, in the words of the other layers."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from harness.config.load import load_cases
from harness.core.case import (
    Adapter,
    Attention,
    Case,
    Compile,
    Determinism,
    Embedding,
    Expectation,
    GeneratorKind,
    InputFile,
    Memory,
    ModelSpec,
    Offload,
    Preparation,
    Quantization,
    SchedulerSpec,
    Variant,
)
from harness.core.invariant import Invariant, InvariantKind
from harness.core.tolerance import Limits, Rule, Tolerance
from tests.config.folder import MINIMAL, only_case, write


def test_every_key_of_a_config_reaches_the_case(configs: Path) -> None:
    (configs / "sd" / "inputs").mkdir(parents=True)
    (configs / "sd" / "inputs" / "seven.png").write_bytes(b"seven")
    (configs / "two.txt").write_bytes(b"two")
    (configs / "latents.safetensors").write_bytes(b"noise")
    (configs / "lora.safetensors").write_bytes(b"lora")
    (configs / "toys").mkdir()
    write(
        configs,
        sd__full="""
pipeline: StableDiffusionImg2ImgPipeline
model:
  id: builtin:sd-digits
  variant: fp16
  dtype: {default: bfloat16, vae: float32, unet: bfloat16}
  components: {safety_checker: null}
scheduler: {class: DDIMScheduler, eta: 1e-4}
steps: {prior: 5, num_inference_steps: 6}
seed: 18446744073709551615
generator: device
call:
  prompt: [a seven, an eight]
  image: {$file: inputs/seven.png}
  size: {$tuple: [16, 16]}
  more: [{mask: {$file: inputs/seven.png}}, {$file: "../latents.safetensors#noise"}]
before:
  - {method: invert, call: {image: {$file: ../two.txt}}, generator: true}
  - {method: warm_up}
adapters:
  - {id: ../lora.safetensors, scale: -0.5}
  - {id: org/style, name: style, weight_name: a.safetensors, revision: main}
embeddings: [{id: ../toys, token: <toy>}]
memory: {offload: model, attention_slicing: 2, vae_slicing: true, vae_tiling: true}
channels_last: [unet, vae, unet]
compile: {components: [unet], mode: max-autotune, fullgraph: true, dynamic: false}
quantization: {backend: torchao, components: [unet, text_encoder], options: {quant_type: int8_weight_only}}
determinism: {algorithms: false, cublas_workspace: null, tf32: yes, attention: flash, threads: 2}
tolerance: {same-hardware: exact, cross-hardware: {rel_l2: 1e-3, mismatched: 0.5}}
expect: [{output: images, statistic: abs_sum, value: 12, abs_tol: 1e-3, source: a guide}]
nondeterministic: allow
golden: optional
devices: [cuda, mps, cuda]
tags: [smoke, sd, smoke]
timeout: 30
""",
    )
    base = configs.absolute() / "sd"
    assert only_case(configs) == Case(
        id="sd/full",
        source="configs/sd/full.yaml",
        base=str(base),
        pipeline="StableDiffusionImg2ImgPipeline",
        model=ModelSpec(
            "builtin:sd-digits", None, "fp16", "bfloat16", {"safety_checker": None}, {"vae": "float32"}
        ),
        scheduler=SchedulerSpec("DDIMScheduler", {"eta": 0.0001}),
        steps={"prior": 5, "num_inference_steps": 6},
        seed=2**64 - 1,
        generator=GeneratorKind.DEVICE,
        call={
            "prompt": ["a seven", "an eight"],
            "image": {"$file": "inputs/seven.png"},
            "size": {"$tuple": [16, 16]},
            "more": [
                {"mask": {"$file": "inputs/seven.png"}},
                {"$file": "../latents.safetensors#noise"},
            ],
        },
        inputs=(
            InputFile(
                "inputs/seven.png", str(base / "inputs/seven.png"), hashlib.sha256(b"seven").hexdigest()
            ),
            InputFile(
                "../latents.safetensors",
                str(configs.absolute() / "latents.safetensors"),
                hashlib.sha256(b"noise").hexdigest(),
            ),
            InputFile("../two.txt", str(configs.absolute() / "two.txt"), hashlib.sha256(b"two").hexdigest()),
        ),
        variant=Variant(
            adapters=(
                Adapter("../lora.safetensors", "adapter-1", scale=-0.5),
                Adapter("org/style", "style", "a.safetensors", "main"),
            ),
            embeddings=(Embedding("../toys", "<toy>"),),
            memory=Memory(Offload.MODEL, 2, vae_slicing=True, vae_tiling=True),
            channels_last=("unet", "vae"),
            compile=Compile(("unet",), "max-autotune", fullgraph=True, dynamic=False),
            quantization=Quantization(
                "torchao", ("unet", "text_encoder"), {"quant_type": "int8_weight_only"}
            ),
        ),
        before=(
            Preparation("invert", {"image": {"$file": "../two.txt"}}, generator=True),
            Preparation("warm_up"),
        ),
        determinism=Determinism(
            algorithms=False, cublas_workspace=None, tf32=True, attention=Attention.FLASH, threads=2
        ),
        tolerance=Tolerance(
            same=Rule.EXACT, same_hardware=Rule.EXACT, cross_hardware=Limits(rel_l2=0.001, mismatched=0.5)
        ),
        expect=(Expectation("images", "abs_sum", 12.0, 0.001, "a guide"),),
        allow_nondeterministic=True,
        golden_optional=True,
        line=2,
        devices=("cuda", "mps"),
        tags=("smoke", "sd"),
        timeout=30.0,
    )


def test_a_relation_that_is_not_stated_keeps_its_default(configs: Path) -> None:
    write(configs, a=MINIMAL + "tolerance: {cross-hardware: refuse}\n")
    assert only_case(configs).tolerance == Tolerance(cross_hardware=Rule.REFUSE)


@pytest.mark.parametrize(
    ("stated", "tolerance"),
    [
        ("calibrated", Tolerance(Rule.EXACT, Rule.CALIBRATED, Rule.CALIBRATED)),
        (
            "{same-hardware: calibrated, cross-hardware: refuse}",
            Tolerance(Rule.EXACT, Rule.CALIBRATED, Rule.REFUSE),
        ),
    ],
)
def test_a_calibrated_tolerance(stated: str, tolerance: Tolerance, configs: Path) -> None:
    write(configs, a=f"{MINIMAL}tolerance: {stated}\n")
    assert only_case(configs).tolerance == tolerance


def test_a_scheduler_that_says_nothing_is_the_models_own(configs: Path) -> None:
    write(
        configs,
        a=MINIMAL + "scheduler: {class: null}",
        b=MINIMAL + "scheduler: {}",
        c=MINIMAL + "scheduler: {x: 1}",
    )
    found = [case.scheduler for case in load_cases(configs).cases]
    assert found == [None, None, SchedulerSpec(None, {"x": 1})]


def test_steps_under_their_name_in_the_call_are_the_same_case(configs: Path) -> None:
    write(
        configs,
        a=MINIMAL + "steps: 5\ncall: {eta: 0.5}",
        b=MINIMAL + "call: {num_inference_steps: 5, eta: 0.5}",
        c=MINIMAL + "call: {eta: 0.5}\nmatrix: {call.num_inference_steps: [5]}",
    )
    cases = load_cases(configs).cases
    assert {case.digest() for case in cases} == {cases[0].digest()}
    assert [(case.steps, case.call) for case in cases] == [(5, {"eta": 0.5})] * 3


def test_steps_of_other_stages_and_none_at_all_stay_in_the_call(configs: Path) -> None:
    write(
        configs,
        a=MINIMAL + "steps: {prior: 3}\ncall: {num_inference_steps: 5}",
        b=MINIMAL + "call: {num_inference_steps: null, prior_num_inference_steps: 4, callback_steps: 1}",
    )
    both, none = load_cases(configs).cases
    assert (both.steps, both.call) == ({"prior": 3}, {"num_inference_steps": 5})
    assert (none.steps, none.call) == (
        None,
        {"num_inference_steps": None, "prior_num_inference_steps": 4, "callback_steps": 1},
    )


def test_invariants_in_the_order_of_the_harness(configs: Path) -> None:
    stated = """\
invariants:
  compile: {components: [unet, unet], devices: [cuda], rel_l2: 1.0e-4}
  half: {dtype: bfloat16, max_abs: 0.5, rel_l2: 0.1}
  save_load: exact
  batch: {size: 3, rel_l2: 1.0e-5}
"""
    write(configs, a=MINIMAL + stated)
    assert only_case(configs).invariants == (
        Invariant(InvariantKind.BATCH, Limits(rel_l2=1e-5), size=3),
        Invariant(InvariantKind.HALF, Limits(max_abs=0.5, rel_l2=0.1), dtype="bfloat16"),
        Invariant(InvariantKind.SAVE_LOAD, Rule.EXACT),
        Invariant(InvariantKind.COMPILE, Limits(rel_l2=1e-4), components=("unet",), devices=("cuda",)),
    )


def test_without_invariants_there_are_none(configs: Path) -> None:
    write(configs, a=MINIMAL)
    assert only_case(configs).invariants == ()
