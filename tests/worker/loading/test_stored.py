"""No bit of a result depends on how weights are stored or read: headers, shards, dtypes, folders, loading options."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors import safe_open
from safetensors.torch import save_file

from harness import zoo
from harness.codec import from_json
from harness.config.load import load_cases
from harness.core.capture import CaptureDocument, Completed, Raised
from harness.core.case import Adapter, Case, Embedding, IpAdapter, ModelSpec, Preparation, Variant
from harness.core.messages import Job
from harness.core.perturbation import Perturbation
from harness.worker.execute import JobRunner
from harness.worker.loading.alignment import ALIGNMENT
from harness.worker.loading.load import PipelineCache
from tests.core.samples import case
from tests.support import stored
from tests.support.ip_adapter import write_ip_adapter, write_lora
from tests.support.tiny.project import write_project
from tests.support.tiny.registry import TinyPipeline, all_tiny

QUICK = ("StableCascadePriorPipeline", "StableAudioPipeline")
"""Pipelines whose bits depended on all of it before weights were aligned; the others run in the slow tests."""

NAME = "tests/stored"

Stored = Callable[[Path, Path], None]


def headers(more: int) -> Stored:
    return lambda folder, to: stored.with_longer_headers(folder, to, more)


def shards(count: int) -> Stored:
    return lambda folder, to: stored.in_shards(folder, to, count)


STORED: Mapping[str, Stored] = {
    **{f"headers {more} bytes longer": headers(more) for more in range(8, ALIGNMENT, 8)},
    "two shards": shards(2),
    "five shards": shards(5),
}

OPTIONS: Mapping[str, Mapping[str, object]] = {
    "read instead of mapped": {"disable_mmap": True},
    "low_cpu_mem_usage": {"low_cpu_mem_usage": True},
    "no low_cpu_mem_usage": {"low_cpu_mem_usage": False},
}


class Study:
    """One tiny pipeline in a project of its own, run in this process as the harness runs it."""

    def __init__(self, entry: TinyPipeline, folder: Path) -> None:
        self._entry, self.folder = entry, folder
        write_project([entry], folder)
        [self._case] = load_cases(folder / "configs").cases
        self._runner = JobRunner(torch.device("cpu"), lambda _: None)

    def bits(self, model: str, revision: str | None = None, **options: object) -> Mapping[str, str]:
        """The digests of all outputs, run from `model`, a folder under models/ or a hub id."""
        name = model if model == NAME else f"../models/{model}"
        components = {**self._case.model.components, **options}
        spec = replace(self._case.model, id=name, revision=revision, components=components)
        return digests(self._runner, replace(self._case, model=spec), self.folder)

    def otherwise(self) -> Iterator[tuple[str, Mapping[str, str], Mapping[str, str]]]:
        """Every way to store or read the model: its name, the bits it gives, and those that it has to give."""
        source, models = self.folder / "models" / self._entry.name, self.folder / "models"
        expected = self.bits(self._entry.name)
        for number, (name, store) in enumerate(STORED.items()):
            store(source, models / f"stored{number}")
            yield name, self.bits(f"stored{number}"), expected
        for name, options in OPTIONS.items():
            yield name, self.bits(self._entry.name, **options), expected
        if self._is_complete_on_the_hub(source):
            stored.in_hub_cache(source, self.folder / "cache", NAME)
            yield "the cache of the hub", self.bits(NAME, stored.COMMIT), expected
        stored.rounded_to(source, models / "rounded", torch.bfloat16)
        stored.cast_to(models / "rounded", models / "cast", torch.bfloat16)
        yield "bfloat16, cast on load", self.bits("cast"), self.bits("rounded")

    def _is_complete_on_the_hub(self, source: Path) -> bool:
        """Whether the hub's cache would count as complete: no second repository, and a folder for every component.

        Combined pipelines connect a second repository. A few pipelines name what they did not save in their index; of a
        cached commit nobody can tell that from a download that was interrupted.
        """
        index = json.loads((source / "model_index.json").read_text())
        named = [name for name, value in index.items() if isinstance(value, list) and value[0]]
        connected = self._entry.name.endswith("CombinedPipeline")
        return not connected and all((source / name).is_dir() for name in named)


def digests(runner: JobRunner, one: Case, folder: Path, **job: Any) -> Mapping[str, str]:
    outcome = runner.run(Job(one, str(folder / "capture.safetensors"), **job))
    assert isinstance(outcome, Completed), outcome
    with safe_open(folder / "capture.safetensors", framework="pt") as file:
        return from_json(CaptureDocument, file.metadata()["harness"]).sha256


ENTRIES = [
    pytest.param(entry, marks=[] if entry.name in QUICK else [pytest.mark.slow], id=entry.name)
    for entry in all_tiny()
]


@pytest.mark.parametrize("entry", ENTRIES)
def test_the_bits_are_those_of_any_other_way_to_store_the_model(
    entry: TinyPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = [package for package in entry.needs if importlib.util.find_spec(package) is None]
    if missing:
        pytest.skip(f"{entry.name} needs {', '.join(missing)}")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    study = Study(entry, tmp_path)
    assert [name for name, bits, expected in study.otherwise() if bits != expected] == []


def test_the_headers_that_are_tried_put_weights_at_every_place(tmp_path: Path) -> None:
    source = zoo.model_dir("ddpm-digits")
    for more in range(8, ALIGNMENT, 8):
        stored.with_longer_headers(source, tmp_path / str(more), more)
    places = [stored.starts(source), *(stored.starts(folder) for folder in tmp_path.iterdir())]
    assert {start for place in places for start in place.values()} == set(range(0, ALIGNMENT, 8))


# What a config adds to a model


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A LoRA, an IP-Adapter and a textual inversion, none of them at a multiple of 64 bytes in its file."""
    pytest.importorskip("peft", reason="LoRA needs peft")
    folder = tmp_path / "plain/models"
    write_ip_adapter(tmp_path / "plain")
    write_lora(folder / "pytorch_lora_weights.safetensors")
    save_file({"<seven>": torch.ones(48)}, folder / "learned_embeds.safetensors")
    for more in range(0, ALIGNMENT, 8):
        to = tmp_path / f"{more}"
        stored.with_longer_headers(tmp_path / "plain", to, more)
        if all(stored.starts(to).values()):
            return to / "models"
    raise AssertionError("one of the files is aligned whatever its header")


LORA = "pytorch_lora_weights.safetensors"

ADDED = {
    "lora": Variant(adapters=(Adapter(LORA, "style"),)),
    "ip_adapter": Variant(ip_adapters=(IpAdapter("ip-adapter.safetensors"),)),
    "embedding": Variant(embeddings=(Embedding("learned_embeds.safetensors", "<seven>"),)),
}


def digits(base: Path, **changes: Any) -> Case:
    return case(
        pipeline="StableDiffusionPipeline",
        model=ModelSpec("builtin:sd-digits"),
        base=str(base),
        call={"prompt": "a handwritten seven"},
        **changes,
    )


def misplaced(pipeline: Any) -> list[str]:
    """The parameters and buffers of a pipeline's components that do not begin at a multiple of 64 bytes."""
    return [
        f"{component}.{name}"
        for component, module in pipeline.components.items()
        if isinstance(module, torch.nn.Module)
        for held in (module.named_parameters(), module.named_buffers())
        for name, tensor in held
        if tensor.data_ptr() % ALIGNMENT
    ]


@pytest.mark.parametrize("variant", ADDED.values(), ids=ADDED)
def test_what_a_config_adds_lies_aligned(variant: Variant, base: Path) -> None:
    assert (
        misplaced(PipelineCache().take(digits(base, variant=variant), torch.device("cpu"))[0].pipeline) == []
    )


@pytest.fixture
def at_the_call(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What was misplaced whenever a Stable Diffusion pipeline was called, which then gives up."""
    found: list[list[str]] = []

    def call(self: Any, *args: Any, **keywords: Any) -> None:
        found.append(misplaced(self))
        raise NotImplementedError

    monkeypatch.setattr(StableDiffusionPipeline, "__call__", call)
    return found


def run(one: Case, perturbation: Perturbation | None = None) -> None:
    job = Job(one, str(Path(one.base) / "capture.safetensors"), perturbation=perturbation)
    outcome = JobRunner(torch.device("cpu"), lambda _: None).run(job)
    assert isinstance(outcome, Raised), outcome
    assert "NotImplementedError" in outcome.message


def test_what_a_call_before_the_run_loads_lies_aligned(base: Path, at_the_call: list[list[str]]) -> None:
    names = {
        "pretrained_model_name_or_path_or_dict": ".",
        "subfolder": "",
        "weight_name": "ip-adapter.safetensors",
    }
    run(replace(digits(base), before=(Preparation("load_ip_adapter", names),)))
    assert at_the_call == [[]]


def test_what_the_invariant_of_saving_and_loading_loads_lies_aligned(
    base: Path, at_the_call: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = StableDiffusionPipeline.save_pretrained

    def save(self: Any, folder: str) -> None:
        real(self, Path(folder) / "real")
        stored.with_longer_headers(Path(folder) / "real", Path(folder) / "longer", 8)
        shutil.copytree(Path(folder) / "longer", folder, dirs_exist_ok=True)

    monkeypatch.setattr(StableDiffusionPipeline, "save_pretrained", save)
    run(digits(base), Perturbation("invariant.save_load"))
    assert at_the_call == [[]]


OWN = """\
from diffusers import DDIMPipeline, UNet2DModel

class Own(DDIMPipeline):
    def __init__(self, unet, scheduler):
        super().__init__(unet, scheduler)
        self.others = {{"of mine": [UNet2DModel.from_pretrained({folder!r})]}}

    def __call__(self, **keywords):
        self.unet, unet = self.others["of mine"][0], self.unet
        try:
            return super().__call__(**keywords)
        finally:
            self.unet = unet
"""


def test_what_a_class_of_the_users_own_loads_lies_aligned(tmp_path: Path) -> None:
    stored.with_longer_headers(zoo.model_dir("ddpm-digits"), tmp_path / "model", 8)
    (tmp_path / "own.py").write_text(OWN.format(folder=str(tmp_path / "model/unet")))
    one = case(pipeline="./own.py:Own", base=str(tmp_path))
    pipeline = PipelineCache().take(one, torch.device("cpu"))[0].pipeline
    unet = pipeline.others["of mine"][0]
    assert [name for name, weight in unet.named_parameters() if weight.data_ptr() % ALIGNMENT] == []
