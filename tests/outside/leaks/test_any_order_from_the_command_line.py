"""Any order, any subset, one worker or two: the same bits, by the real command with real workers."""

from __future__ import annotations

import random
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.core.capture import CaptureDocument
from tests.outside.leaks.conftest import HERE, stored
from tests.outside.leaks.leaky import KINDS
from tests.support.project import Project, patch_of

STABLE = {
    "pipeline": "StableDiffusionPipeline",
    "model": {"id": "builtin:sd-digits"},
    "steps": 1,
    "call": {"prompt": "a handwritten seven", "output_type": "latent"},
}
FILES = "./extras"
ONE, TWO = ({"id": f"{FILES}/{name}", "name": name} for name in ("one", "two"))
IP = {"weight_name": "ip.safetensors", "image_encoder_folder": None}
SIGHTED = {"ip_adapters": [{"id": FILES, **IP}]}
SEEN = {"ip_adapter_image_embeds": [{"$file": "extras/embeds.safetensors"}]}
FREEU = ("enable_freeu", {"s1": 0.9, "s2": 0.2, "b1": 1.2, "b2": 1.4})
FUSE = ("fuse_lora", {"lora_scale": 0.7})
PICTURE = (
    "load_ip_adapter",
    {"pretrained_model_name_or_path_or_dict": FILES, "subfolder": "", **IP},
)


def calls(*methods: tuple[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {"before": [{"method": method, "call": dict(call)} for method, call in methods]}


def called(**arguments: Any) -> dict[str, Any]:
    return {"call": {**STABLE["call"], **arguments}}


ADAPTED = {"adapters": [ONE, {**TWO, "scale": 0.5}]}
WORD = {"embeddings": [{"id": "./extras/word.safetensors", "token": "<word>"}]}
SAID = called(prompt="a handwritten <word>")

SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "plain": {},
    "decoded": called(output_type="np"),
    "two-at-once": called(num_images_per_prompt=2),
    "euler": {"scheduler": {"class": "EulerAncestralDiscreteScheduler"}},
    "shifted": {"scheduler": {"class": "DDIMScheduler", "steps_offset": 0}},
    "other-seed": {"seed": 3, "generator": "device"},
    "other-switches": {"determinism": {"attention": "flash", "algorithms": False, "tf32": True}},
    "freeu": calls(FREEU),
    "freeu-off": calls(FREEU, ("disable_freeu", {})),
    "sliced": calls(("set_attention_slice", {"slice_size": 1})),
    "joined": calls(("fuse_qkv_projections", {})),
    "picture": {**calls(PICTURE, ("set_ip_adapter_scale", {"scale": 0.3})), **called(**SEEN)},
    "picture-and-none": calls(PICTURE, ("unload_ip_adapter", {})),
    "unknown-word": SAID,
    "sighted": {**SIGHTED, **called(**SEEN)},
    "sighted-and-not": {**SIGHTED, **calls(("unload_ip_adapter", {}))},
    "adapters": ADAPTED,
    "adapters-scaled": {**ADAPTED, **called(cross_attention_kwargs={"scale": 0.5})},
    "adapters-fused": {**ADAPTED, **calls(FUSE)},
    "adapters-fused-for-good": {**ADAPTED, **calls(FUSE, ("unload_lora_weights", {}))},
    "adapters-off": {**ADAPTED, **calls(("disable_lora", {}))},
    "adapters-deleted": {**ADAPTED, **calls(("delete_adapters", {"adapter_names": ["one"]}))},
    "one-adapter": {"adapters": [{**ONE, "scale": 0.7}]},
    "word": {**WORD, **SAID},
    "word-forgotten": {**WORD, **calls(("unload_textual_inversion", {})), **SAID},
    "channels-last": {"channels_last": ["unet"]},
    "memory": {"memory": {"attention_slicing": "max", "vae_slicing": True, "vae_tiling": True}},
    "half": {"model": {"id": "builtin:sd-digits", "dtype": "bfloat16"}},
    "half-the-vae": {
        "model": {"id": "builtin:sd-digits", "dtype": {"default": "float32", "vae": "bfloat16"}}
    },
}
"""What each case says beside STABLE."""

LEAVING = random.Random(0).sample([kind for kind in KINDS if kind != "nothing"], 10)
"""Of the things that the pipeline in leaky.py can leave behind."""


def configs() -> dict[str, Mapping[str, Any]]:
    """All configs by name."""
    own = {"pipeline": "./leaky.py:Leaky", "model": {"id": "builtin:ddpm-digits"}, "steps": 1}
    leaky = {
        f"leaves-{kind.replace('_', '-')}": {**own, "call": {"leaves": kind, "output_type": "np"}}
        for kind in ["nothing", *LEAVING]
    }
    return {**{name: {**STABLE, **setting} for name, setting in SETTINGS.items()}, **leaky}


@pytest.fixture(scope="module")
def project(extras: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose configs folder has what the configs name."""
    project = Project(tmp_path_factory.mktemp("project"))
    shutil.copytree(extras, project.folder / "configs/extras")
    shutil.copy(HERE / "leaky.py", project.folder / "configs")
    return project


@dataclass(frozen=True)
class Seen:
    """The captures that a command left, by the names of their configs, and what it printed."""

    captures: Mapping[str, CaptureDocument]
    said: str

    def bits(self, name: str) -> Mapping[str, str] | None:
        """The sha256 of every tensor; None for a case that failed."""
        return self.captures[name].sha256 if name in self.captures else None

    @property
    def shared(self) -> int:
        """How many runs were given a pipeline that another one had used."""
        return sum(capture.seconds.load == 0 for capture in self.captures.values())


def run(project: Project, order: Sequence[str], jobs: int) -> Seen:
    """Run the configs of these names with so many workers, those that share a pipeline in this order.

    That is the order of their ids, so a number stands before each name.
    """
    for old in (project.folder / "configs").glob("*.yaml"):
        old.unlink()
    shutil.rmtree(project.folder / "out", ignore_errors=True)
    ids = {name: f"{number:02}-{name}" for number, name in enumerate(order)}
    for name, written in ids.items():
        project.config(written, yaml.safe_dump(configs()[name]))
    ran = project.harness("verify", "--allow-missing", "--device", "cpu", "--jobs", str(jobs))
    places = {
        name: project.folder / f"out/captures/{written}/capture.safetensors" for name, written in ids.items()
    }
    assert len(list((project.folder / "out/logs").iterdir())) == jobs, ran.out + ran.err
    return Seen({name: stored(place) for name, place in places.items() if place.exists()}, ran.out + ran.err)


@pytest.fixture(scope="module")
def alone(project: Project) -> Seen:
    """Every case with a pipeline that no other run has used."""
    anew = patch_of("harness.worker.loading.load", "module._as_loaded = lambda loaded, thorough: False")
    seen = run(project.patch_late(anew), list(configs()), jobs=1)
    assert seen.captures.keys() == configs().keys(), seen.said
    assert seen.shared == 0
    return seen


@pytest.mark.parametrize(("jobs", "seed"), [pytest.param(1, 1, marks=pytest.mark.slow), (2, 2)])
def test_the_bits_are_those_of_each_case_alone(jobs: int, seed: int, project: Project, alone: Seen) -> None:
    order = random.Random(seed).sample(list(configs()), len(configs()) * 4 // 5)
    seen = run(project, order, jobs)
    different = [name for name in order if seen.bits(name) != alone.bits(name)]
    assert different == [], f"{', '.join(different)}\n{seen.said}"
    # Where every run had loaded its own pipeline, nothing would have been tried.
    assert seen.shared >= 5
