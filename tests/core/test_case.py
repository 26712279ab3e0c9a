"""What belongs to a case's definition, and the digest made from it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest

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
    definition_changes,
    digest_of,
)
from harness.core.environment import Change
from harness.core.tolerance import Rule, Tolerance
from tests.core.samples import case


def test_the_definition_holds_what_decides_the_output_and_no_defaults() -> None:
    assert case().definition() == {
        "pipeline": "DDIMPipeline",
        "model": {"id": "builtin:ddpm-digits"},
        "seed": 0,
        "generator": "cpu",
        "steps": 2,
        "determinism": {"portable": True},
    }


def test_the_digest_is_the_sha256_of_the_canonical_json() -> None:
    text = (
        '{"determinism":{"portable":true},"generator":"cpu","model":{"id":"builtin:ddpm-digits"},'
        '"pipeline":"DDIMPipeline","seed":0,"steps":2}'
    )
    assert case().digest() == hashlib.sha256(text.encode()).hexdigest()


DECIDES = {
    "determinism.portable": {"determinism": Determinism(portable=False)},
    "pipeline": {"pipeline": "DDPMPipeline"},
    "model.id": {"model": ModelSpec("builtin:other")},
    "model.revision": {"model": ModelSpec("builtin:ddpm-digits", revision="a" * 40)},
    "model.variant": {"model": ModelSpec("builtin:ddpm-digits", variant="fp16")},
    "model.dtype": {"model": ModelSpec("builtin:ddpm-digits", dtype="float16")},
    "model.components": {"model": ModelSpec("builtin:ddpm-digits", components={"safety_checker": None})},
    "scheduler": {"scheduler": SchedulerSpec("DDIMScheduler")},
    "scheduler option": {"scheduler": SchedulerSpec(None, {"steps_offset": 1})},
    "steps": {"steps": 3},
    "steps by stage": {"steps": {"prior": 2}},
    "no steps": {"steps": None},
    "seed": {"seed": 1},
    "no seed": {"seed": None},
    "generator": {"generator": GeneratorKind.DEVICE},
    "call": {"call": {"eta": 1.0}},
    "input": {"inputs": (InputFile("a.png", "/configs/a.png", "0" * 64),)},
    "input content": {"inputs": (InputFile("a.png", "/configs/a.png", "1" * 64),)},
    "algorithms": {"determinism": Determinism(algorithms=False)},
    "attention": {"determinism": Determinism(attention=Attention.FLASH)},
    "tf32": {"determinism": Determinism(tf32=True)},
    "model.dtypes": {"model": ModelSpec("builtin:ddpm-digits", dtypes={"unet": "float16"})},
    "adapter": {"variant": Variant(adapters=(Adapter("lora", "style"),))},
    "adapter scale": {"variant": Variant(adapters=(Adapter("lora", "style", scale=0.5),))},
    "embedding": {"variant": Variant(embeddings=(Embedding("cat", "<cat>"),))},
    "offload": {"variant": Variant(memory=Memory(offload=Offload.MODEL))},
    "channels last": {"variant": Variant(channels_last=("unet",))},
    "compile": {"variant": Variant(compile=Compile(("unet",)))},
    "quantization": {"variant": Variant(quantization=Quantization("torchao", ("unet",)))},
    "before": {"before": (Preparation("invert"),)},
    "cublas": {"determinism": Determinism(cublas_workspace=None)},
}


def test_whatever_decides_the_output_changes_the_digest() -> None:
    digests = [case(**changes).digest() for changes in DECIDES.values()]
    assert len({case().digest(), *digests}) == 1 + len(DECIDES)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "renamed"},
        {"source": "elsewhere.yaml"},
        {"base": "/elsewhere"},
        {"determinism": Determinism(threads=4)},
        {"tolerance": Tolerance(same=Rule.EXACT, cross_hardware=Rule.REFUSE)},
        {"expect": (Expectation("images", "abs_sum", 1.0, 0.1),)},
        {"allow_nondeterministic": True},
        {"golden_optional": True},
        {"tags": ("smoke",)},
        {"timeout": 5.0},
        {"call": {}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_does_not_decide_the_output_keeps_the_digest(changes: dict[str, object]) -> None:
    assert case(**changes).digest() == case().digest()


def test_the_place_of_an_input_file_keeps_the_digest_and_its_content_does_not() -> None:
    here = InputFile("a.png", "/here/a.png", "0" * 64)
    moved, changed = replace(here, path="/there/a.png"), replace(here, sha256="1" * 64)
    assert case(inputs=(here,)).digest() == case(inputs=(moved,)).digest()
    assert case(inputs=(here,)).digest() != case(inputs=(changed,)).digest()


def test_a_call_that_is_no_json_has_no_digest() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        case(call={"strength": float("nan")}).digest()


def test_the_order_of_keys_is_no_difference() -> None:
    assert case(call={"a": 1, "b": 2}).digest() == case(call={"b": 2, "a": 1}).digest()


def _changes(golden: Case, now: Case) -> tuple[Change, ...]:
    return definition_changes(golden.definition(), now.definition())


def test_changes_name_the_entry_and_both_values() -> None:
    now = case(seed=7, call={"eta": 0.5, "sizes": [1, 2]}, steps=None)
    assert _changes(case(), now) == (
        Change("call.eta", None, "0.5"),
        Change("call.sizes", None, "[1, 2]"),
        Change("seed", "0", "7"),
        Change("steps", "2", None),
    )


def test_the_same_definition_has_no_changes() -> None:
    assert _changes(case(call={"eta": 0.5}), case(call={"eta": 0.5})) == ()


def test_an_empty_mapping_that_came_or_went_is_a_change() -> None:
    assert _changes(case(call={"cross_attention_kwargs": {}}), case(call={})) == (
        Change("call.cross_attention_kwargs", "{}", None),
    )


def test_what_came_back_from_a_file_as_lists_is_no_change() -> None:
    definition = case(variant=Variant(channels_last=("unet", "vae"))).definition()
    assert definition_changes(json.loads(json.dumps(definition)), definition) == ()


@pytest.mark.parametrize(
    ("steps", "arguments"),
    [
        (None, {}),
        (5, {"num_inference_steps": 5}),
        ({"prior": 2, "super_res": 3}, {"prior_num_inference_steps": 2, "super_res_num_inference_steps": 3}),
        (
            {"num_inference_steps": 4, "decoder_num_inference_steps": 6},
            {"num_inference_steps": 4, "decoder_num_inference_steps": 6},
        ),
    ],
)
def test_steps_are_arguments_of_the_call(steps: object, arguments: dict[str, int]) -> None:
    assert case(steps=steps).step_arguments() == arguments


def test_where_a_case_may_run_is_no_part_of_its_definition() -> None:
    assert case(devices=("cuda",)).digest() == case().digest()


def test_the_digest_of_a_definition_that_was_written_and_read() -> None:
    some = case(call={"prompt": "sieben — 7", "eta": 1e-5, "sizes": (1, 2)})
    assert digest_of(json.loads(json.dumps(some.definition()))) == some.digest()
    with pytest.raises(ValueError, match="not JSON compliant"):
        digest_of({"eta": float("inf")})
