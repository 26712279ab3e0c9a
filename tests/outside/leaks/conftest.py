"""Cases that change what they were given, and a bench that runs them one after another in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from safetensors import safe_open
from safetensors.torch import save_file

from harness import zoo
from harness.codec import from_json
from harness.core.capture import CaptureDocument, Completed
from harness.core.case import Attention, Case, Determinism
from harness.core.messages import Job
from harness.worker.environment import determinism
from harness.worker.execute import JobRunner
from tests.core.samples import case

HERE = Path(__file__).parent


class Bench:
    """One worker's runner, in this process."""

    switches = Determinism(cublas_workspace=None)

    def __init__(self, folder: Path) -> None:
        self._path = folder / "capture.safetensors"
        self.runner = JobRunner(torch.device("cpu"), lambda progress: None)

    def capture(self, one: Case) -> CaptureDocument:
        """What the run gave; it must have ended well."""
        outcome = self.runner.run(Job(one, str(self._path)))
        assert isinstance(outcome, Completed), outcome
        return stored(self._path)


def stored(path: Path) -> CaptureDocument:
    """What the capture says."""
    with safe_open(path, framework="pt") as file:
        return from_json(CaptureDocument, file.metadata()["harness"])


def leaky(kind: str, **changes: Any) -> Case:
    """A case of the pipeline in leaky.py that leaves this behind."""
    return case(
        id=kind,
        base=str(HERE),
        pipeline="./leaky.py:Leaky",
        call={"leaves": kind, "output_type": "np"},
        determinism=Determinism(cublas_workspace=None),
        **changes,
    )


@pytest.fixture(autouse=True)
def _torch_put_back(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    yield
    determinism.apply(Determinism(attention=Attention.DEFAULT), threads)
    torch.use_deterministic_algorithms(deterministic)


@pytest.fixture(scope="session")
def extras(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two LoRAs and an embedding for the built-in Stable Diffusion."""
    peft = pytest.importorskip("peft", reason="LoRA needs peft")
    folder = tmp_path_factory.mktemp("extras")
    for number, name in enumerate(("one", "two")):
        pipeline = StableDiffusionPipeline.from_pretrained(zoo.model_dir("sd-digits"))
        torch.manual_seed(number)
        adapter = peft.LoraConfig(r=2, target_modules=["to_q", "to_v"], init_lora_weights=False)
        pipeline.unet.add_adapter(adapter)
        layers = peft.get_peft_model_state_dict(pipeline.unet)
        StableDiffusionPipeline.save_lora_weights(folder / name, unet_lora_layers=layers)
    torch.manual_seed(2)
    save_file({"emb_params": torch.randn(1, 48)}, folder / "word.safetensors")
    save_file({"embeds": torch.randn(2, 1, 8)}, folder / "embeds.safetensors")
    save_file(ip_adapter(pipeline.unet, 8), folder / "ip.safetensors")
    return folder


def ip_adapter(unet: UNet2DConditionModel, width: int) -> dict[str, torch.Tensor]:
    """Weights of an IP-Adapter for images of `width` numbers, as its authors name them."""
    cross = unet.config.cross_attention_dim
    weights = {
        "image_proj.proj.weight": torch.randn(4 * cross, width) * 0.1,
        "image_proj.proj.bias": torch.zeros(4 * cross),
        "image_proj.norm.weight": torch.ones(cross),
        "image_proj.norm.bias": torch.zeros(cross),
    }
    attending = [name for name in unet.attn_processors if name.endswith("attn2.processor")]
    for number, name in enumerate(attending):
        size = unet.get_submodule(name.removesuffix(".processor")).to_k.out_features
        for part in ("to_k_ip", "to_v_ip"):
            weights[f"ip_adapter.{2 * number + 1}.{part}.weight"] = torch.randn(size, cross) * 0.1
    return weights
