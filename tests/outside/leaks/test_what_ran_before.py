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
    IpAdapter,
    Memory,
    ModelSpec,
    Preparation,
    SchedulerSpec,
    Variant,
)
from harness.worker.loading import load
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
    """A case for every method that may be called before a run of this pipeline on a CPU."""
    picture = (
        "load_ip_adapter",
        {
            "pretrained_model_name_or_path_or_dict": str(extras),
            "subfolder": "",
            "weight_name": "ip.safetensors",
            "image_encoder_folder": None,
        },
    )
    weaker = ("set_ip_adapter_scale", {"scale": 0.3})
    seen = {
        "call": {"ip_adapter_image_embeds": [{"$file": "embeds.safetensors"}]},
        "inputs": (InputFile("embeds.safetensors", str(extras / "embeds.safetensors"), "0" * 64),),
    }
    slices = ("set_attention_slice", {"slice_size": 1})
    fuse, joined = ("fuse_lora", {"lora_scale": 0.7}), ("fuse_qkv_projections", {})
    adapted = Variant(
        adapters=(Adapter(str(extras / "one"), "one"), Adapter(str(extras / "two"), "two", scale=0.5))
    )
    word = Variant(embeddings=(Embedding(str(extras / "word.safetensors"), "<word>"),))
    named = {"prompt": f"{PROMPT} <word>"}
    sighted = Variant(ip_adapters=(IpAdapter(str(extras), "", "ip.safetensors", None),))
    return [
        stable("plain"),
        stable("freeu", ("enable_freeu", FREEU)),
        stable("freeu, other", ("enable_freeu", {**FREEU, "b1": 1.6})),
        stable("freeu off", ("enable_freeu", FREEU), ("disable_freeu", {})),
        stable("sliced", slices),
        stable("sliced and not", slices, ("disable_attention_slicing", {})),
        stable("decoded", call={"output_type": "np"}),
        stable("joined", joined),
        stable("joined and not", joined, ("unfuse_qkv_projections", {})),
        stable("bar", ("set_progress_bar_config", {"leave": False})),
        stable("picture", picture, **seen),
        stable("picture, weaker", picture, weaker, **seen),
        stable("picture and none", picture, ("unload_ip_adapter", {})),
        stable("sighted", variant=sighted, **seen),
        stable("sighted, weaker", weaker, variant=sighted, **seen),
        stable("sighted and not", ("unload_ip_adapter", {}), variant=sighted),
        stable("adapters", variant=adapted),
        stable("adapters, scaled", variant=adapted, call={"cross_attention_kwargs": {"scale": 0.5}}),
        stable("adapters, fused", fuse, variant=adapted),
        stable("adapters, fused and not", fuse, ("unfuse_lora", {}), variant=adapted),
        stable("adapters, fused for good", fuse, ("unload_lora_weights", {}), variant=adapted),
        stable("adapters, unloaded", ("unload_lora_weights", {}), variant=adapted),
        stable("adapters, off", ("disable_lora", {}), variant=adapted),
        stable("adapters, on", ("disable_lora", {}), ("enable_lora", {}), variant=adapted),
        stable("adapters, deleted", ("delete_adapters", {"adapter_names": ["one"]}), variant=adapted),
        stable("adapters, freeu", ("enable_freeu", FREEU), variant=adapted),
        stable("word", variant=word, call=named),
        stable("unknown word", call=named),
        stable("word, forgotten", ("unload_textual_inversion", {}), variant=word, call=named),
    ]


def with_variants(extras: Path) -> list[Case]:
    model = "builtin:sd-digits"
    one = Variant(adapters=(Adapter(str(extras / "one"), "one", scale=0.7),))
    return [
        stable("one adapter", variant=one),
        stable("channels last", variant=Variant(channels_last=("unet",))),
        stable("memory", variant=Variant(memory=Memory(attention_slicing="max", vae_slicing=True))),
        stable("tiling", variant=Variant(memory=Memory(vae_tiling=True)), call={"output_type": "np"}),
        stable("half", model=ModelSpec(model, dtype="bfloat16")),
        stable("half the vae", model=ModelSpec(model, dtypes={"vae": "bfloat16"})),
        stable("euler", scheduler=SchedulerSpec("EulerAncestralDiscreteScheduler")),
        stable("shifted", scheduler=SchedulerSpec("DDIMScheduler", {"steps_offset": 0})),
        stable("two at once", call={"num_images_per_prompt": 2}),
        stable("another generator", generator=GeneratorKind.DEVICE, seed=3),
    ]


def digests(cases: list[Case], bench: Bench) -> dict[str, Mapping[str, str]]:
    return {one.id: bench.capture(one).sha256 for one in cases}


def alone(cases: list[Case], folder: Path) -> dict[str, Mapping[str, str]]:
    """The bits of every case with a pipeline that no other run has used."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(load, "_as_loaded", lambda loaded, thorough: False)
        bench = Bench(folder)
        captures = {one.id: bench.capture(one) for one in cases}
    assert all(capture.seconds.load > 0 for capture in captures.values())
    return {name: capture.sha256 for name, capture in captures.items()}


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
    assert not bench.runner.spent


def own(folder: Path) -> tuple[dict[str, Mapping[str, str]], list[Case]]:
    """The cases of the leaky pipeline, and the bits of each alone: it leaves things when it has its pictures."""
    first, counting = alone([leaky("nothing"), leaky(COUNTING[0])], folder).values()
    assert first != counting
    expected = {kind: counting if kind in COUNTING else first for kind in KINDS}
    return expected, [leaky(kind) for kind in KINDS]


def ordinary(extras: Path, folder: Path, *more: Case) -> tuple[dict[str, Mapping[str, str]], list[Case]]:
    cases = [*with_methods(extras), *with_variants(extras), *more]
    return alone(cases, folder), cases


def test_in_any_order_with_every_method_adapter_and_variant(extras: Path, tmp_path: Path) -> None:
    assert len([*with_methods(extras), *with_variants(extras), *KINDS]) >= 40
    check_orders(*ordinary(extras, tmp_path), tmp_path, orders=1)


def test_in_any_order_with_a_pipeline_of_the_users_own_that_leaves_something(tmp_path: Path) -> None:
    assert len(KINDS) >= 35
    check_orders(*own(tmp_path), tmp_path, orders=1)


@pytest.mark.slow
def test_in_many_orders(extras: Path, tmp_path: Path) -> None:
    compiled = stable("compiled", variant=Variant(compile=Compile(("unet",))))
    expected, cases = ordinary(extras, tmp_path, compiled)
    leaking, owns = own(tmp_path)
    check_orders({**expected, **leaking}, [*cases, *owns], tmp_path, orders=4)
