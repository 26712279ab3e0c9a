"""A case gives the same bits whatever ran before it in the same worker."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.core.case import (
    Adapter,
    Case,
    Compile,
    Determinism,
    Embedding,
    GeneratorKind,
    InputFile,
    Memory,
    ModelSpec,
    Preparation,
    SchedulerSpec,
    Variant,
)
from tests.core.samples import case
from tests.outside.leaks.conftest import Bench, leaky
from tests.outside.leaks.leaky import COUNTING, KINDS

FREEU = {"s1": 0.9, "s2": 0.2, "b1": 1.2, "b2": 1.4}
PROMPT = "a handwritten seven"


def stable(name: str, *before: tuple[str, Mapping[str, Any]], **changes: Any) -> Case:
    call = {"prompt": PROMPT, "output_type": "latent", **changes.pop("call", {})}
    return case(
        id=name,
        pipeline="StableDiffusionPipeline",
        model=changes.pop("model", ModelSpec("builtin:sd-digits")),
        steps=1,
        call=call,
        before=tuple(Preparation(method, arguments) for method, arguments in before),
        determinism=Determinism(cublas_workspace=None),
        **changes,
    )


def with_methods(extras: Path) -> list[Case]:
    lora = (
        "load_lora_weights",
        {"pretrained_model_name_or_path_or_dict": str(extras / "one"), "adapter_name": "one"},
    )
    scaled = {"cross_attention_kwargs": {"scale": 0.5}}
    word = {"pretrained_model_name_or_path": str(extras / "word.safetensors"), "token": "<word>"}
    picture = (
        "load_ip_adapter",
        {
            "pretrained_model_name_or_path_or_dict": str(extras),
            "subfolder": "",
            "weight_name": "ip.safetensors",
            "image_encoder_folder": None,
            "low_cpu_mem_usage": False,
        },
    )
    embeds = {"ip_adapter_image_embeds": [{"$file": "embeds.safetensors"}]}
    embedded = (InputFile("embeds.safetensors", str(extras / "embeds.safetensors"), "0" * 64),)
    fuse = ("fuse_lora", {"lora_scale": 0.7})
    adapted = Variant(
        adapters=(Adapter(str(extras / "one"), "one"), Adapter(str(extras / "two"), "two", scale=0.5))
    )
    two = ("set_adapters", {"adapter_names": ["two"], "adapter_weights": [2.0]})
    return [
        stable("plain"),
        stable("freeu", ("enable_freeu", FREEU)),
        stable("freeu off", ("enable_freeu", FREEU), ("disable_freeu", {})),
        stable("sliced", ("enable_attention_slicing", {"slice_size": 1})),
        stable("sliced and not", ("enable_attention_slicing", {}), ("disable_attention_slicing", {})),
        stable("decoded", call={"output_type": "np"}),
        stable("fused projections", ("fuse_qkv_projections", {})),
        stable("lora", lora),
        stable("lora scaled", lora, call=scaled),
        stable("lora fused", lora, fuse),
        stable("lora fused and unfused", lora, fuse, ("unfuse_lora", {})),
        stable("lora fused for good", lora, fuse, ("unload_lora_weights", {})),
        stable("lora unloaded", lora, ("unload_lora_weights", {})),
        stable("lora off", lora, ("disable_lora", {})),
        stable("picture", picture, call=embeds, inputs=embedded),
        stable(
            "picture, weaker", picture, ("set_ip_adapter_scale", {"scale": 0.3}), call=embeds, inputs=embedded
        ),
        stable("word", ("load_textual_inversion", word), call={"prompt": f"{PROMPT} <word>"}),
        stable("unknown word", call={"prompt": f"{PROMPT} <word>"}),
        stable("config", ("register_to_config", {"requires_safety_checker": False})),
        stable("adapters", variant=adapted),
        stable("adapters, one", two, variant=adapted),
        stable("adapters, fused", fuse, variant=adapted),
        stable("adapters, off", ("disable_lora", {}), variant=adapted),
        stable("adapters, on", ("disable_lora", {}), ("enable_lora", {}), variant=adapted),
        stable("adapters, deleted", ("delete_adapters", {"adapter_names": ["one"]}), variant=adapted),
        stable("adapters, freeu", ("enable_freeu", FREEU), variant=adapted),
    ]


def with_variants(extras: Path) -> list[Case]:
    model = "builtin:sd-digits"
    word = Variant(embeddings=(Embedding(str(extras / "word.safetensors"), "<word>"),))
    return [
        stable("embedding", variant=word, call={"prompt": f"{PROMPT} <word>"}),
        stable("channels last", variant=Variant(channels_last=("unet",))),
        stable("memory", variant=Variant(memory=Memory(attention_slicing="max", vae_slicing=True))),
        stable("tiling", variant=Variant(memory=Memory(vae_tiling=True)), call={"output_type": "np"}),
        stable("half", model=ModelSpec(model, dtype="bfloat16")),
        stable("half the vae", model=ModelSpec(model, dtypes={"vae": "bfloat16"})),
        stable("euler", scheduler=SchedulerSpec("EulerAncestralDiscreteScheduler")),
        stable("shifted", scheduler=SchedulerSpec("DDIMScheduler", {"steps_offset": 0})),
        stable("on two threads", call={"num_images_per_prompt": 2}),
        stable("seeded globally", generator=GeneratorKind.DEVICE, seed=3),
    ]


def digests(cases: list[Case], bench: Bench) -> dict[str, Mapping[str, str]]:
    return {one.id: bench.capture(one).sha256 for one in cases}


def alone(one: Case, folder: Path) -> Mapping[str, str]:
    return Bench(folder).capture(one).sha256


def check_orders(
    expected: Mapping[str, Mapping[str, str]], cases: list[Case], folder: Path, orders: int
) -> None:
    """Every case in each of some random orders in one executor, against the bits of the case alone."""
    bench, choice = Bench(folder), random.Random(0)
    for _ in range(orders):
        order = choice.sample(cases, len(cases))
        found = digests(order, bench)
        different = [one.id for one in order if found[one.id] != expected[one.id]]
        assert different == [], [one.id for one in order]
    assert not bench.executor.spent


def own(folder: Path) -> tuple[dict[str, Mapping[str, str]], list[Case]]:
    """The cases of the leaky pipeline, and the bits of each alone: it leaves things when it has its pictures."""
    first, counting = alone(leaky("nothing"), folder), alone(leaky(COUNTING[0]), folder)
    assert first != counting
    expected = {kind: counting if kind in COUNTING else first for kind in KINDS}
    return expected, [leaky(kind) for kind in KINDS]


def ordinary(extras: Path, folder: Path, *more: Case) -> tuple[dict[str, Mapping[str, str]], list[Case]]:
    cases = [*with_methods(extras), *with_variants(extras), *more]
    return {one.id: alone(one, folder) for one in cases}, cases


def test_in_any_order_with_every_method_adapter_and_variant(extras: Path, tmp_path: Path) -> None:
    check_orders(*ordinary(extras, tmp_path), tmp_path, orders=1)


def test_in_any_order_with_a_pipeline_of_the_users_own_that_leaves_something(tmp_path: Path) -> None:
    assert len(KINDS) >= 35
    check_orders(*own(tmp_path), tmp_path, orders=1)


@pytest.mark.slow
def test_in_many_orders(extras: Path, tmp_path: Path) -> None:
    compiled = stable("compiled", variant=Variant(compile=Compile(("unet",))))
    expected, cases = ordinary(extras, tmp_path, compiled)
    leaking, owns = own(tmp_path)
    check_orders({**expected, **leaking}, [*cases, *owns], tmp_path, orders=10)
