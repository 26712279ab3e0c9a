"""Variants of a pipeline: each takes effect, and what a pipeline does not have is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import save_file

from harness.core.case import Adapter, Compile, Embedding, Memory, ModelSpec, Offload, Quantization, Variant
from harness.worker.loading.load import PipelineCache
from harness.worker.model_files.hub_errors import ModelUnavailable
from harness.worker.rejection import Rejection
from tests.core.samples import case

CPU = torch.device("cpu")
PROMPT = "a handwritten seven"


PLAIN = Variant()


def loaded(variant: Variant = PLAIN, **changes: Any) -> StableDiffusionPipeline:
    model = ModelSpec("builtin:sd-digits", **changes)
    one = case(pipeline="StableDiffusionPipeline", model=model, variant=variant)
    return PipelineCache().take(one, CPU)[0].pipeline


def latents(pipeline: StableDiffusionPipeline, prompt: str = PROMPT) -> torch.Tensor:
    pipeline.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        return pipeline(prompt, num_inference_steps=2, generator=generator, output_type="latent").images


@pytest.fixture(scope="module")
def plain() -> torch.Tensor:
    """The latents without any variant."""
    return latents(loaded())


@pytest.fixture(scope="module")
def lora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LoRA weights for the UNet's attention, saved as diffusers saves them."""
    peft = pytest.importorskip("peft", reason="LoRA needs peft")
    folder = tmp_path_factory.mktemp("lora")
    unet = loaded().unet
    torch.manual_seed(0)
    unet.add_adapter(peft.LoraConfig(r=2, target_modules=["to_q", "to_v"], init_lora_weights=False))
    layers = peft.get_peft_model_state_dict(unet)
    StableDiffusionPipeline.save_lora_weights(folder, unet_lora_layers=layers)
    return folder


def test_an_adapter_changes_the_latents_in_proportion_to_its_scale(plain: torch.Tensor, lora: Path) -> None:
    def moved(scale: float) -> float:
        adapter = Adapter(str(lora), "style", scale=scale)
        return float((latents(loaded(Variant(adapters=(adapter,)))) - plain).norm())

    assert moved(0.0) == 0.0
    assert 0.0 < moved(0.1) < moved(1.0)


def test_an_adapter_may_be_one_file(plain: torch.Tensor, lora: Path) -> None:
    adapter = Adapter(str(lora / "pytorch_lora_weights.safetensors"), "style")
    assert not torch.equal(latents(loaded(Variant(adapters=(adapter,)))), plain)


def test_an_embedding_stands_for_its_token(plain: torch.Tensor, tmp_path: Path) -> None:
    torch.manual_seed(0)
    save_file({"emb_params": torch.randn(1, 48)}, tmp_path / "style.safetensors")
    embedding = Embedding(str(tmp_path / "style.safetensors"), "<style>")
    pipeline = loaded(Variant(embeddings=(embedding,)))
    assert torch.equal(latents(pipeline), plain)
    assert not torch.equal(latents(pipeline, f"{PROMPT} <style>"), latents(loaded(), f"{PROMPT} <style>"))


def test_an_adapter_that_cannot_be_had_is_unavailable() -> None:
    pytest.importorskip("peft", reason="LoRA needs peft")
    adapter = Adapter("nobody/no-such-lora", "style", weight_name="lora.safetensors")
    with pytest.raises(ModelUnavailable, match=r"^nobody/no-such-lora: "):
        loaded(Variant(adapters=(adapter,)))


def test_memory_savings_are_switched_on_and_change_next_to_nothing(plain: torch.Tensor) -> None:
    memory = Memory(attention_slicing=1, vae_slicing=True, vae_tiling=True)
    pipeline = loaded(Variant(memory=memory))
    assert (pipeline.vae.use_slicing, pipeline.vae.use_tiling) == (True, True)
    processors = {type(processor).__name__ for processor in pipeline.unet.attn_processors.values()}
    assert processors == {"SlicedAttnProcessor"}
    assert float((latents(pipeline) - plain).norm() / plain.norm()) < 1e-5


def test_channels_last(plain: torch.Tensor) -> None:
    pipeline = loaded(Variant(channels_last=("unet",)))
    assert pipeline.unet.conv_in.weight.is_contiguous(memory_format=torch.channels_last)
    assert float((latents(pipeline) - plain).norm() / plain.norm()) < 1e-5


def test_a_component_may_have_a_dtype_of_its_own() -> None:
    pipeline = loaded(dtypes={"vae": "bfloat16"})
    assert (pipeline.vae.dtype, pipeline.unet.dtype) == (torch.bfloat16, torch.float32)


def test_offloading_needs_a_device_to_offload_from() -> None:
    with pytest.raises(ModelUnavailable, match="nothing to offload from on a CPU"):
        loaded(Variant(memory=Memory(offload=Offload.MODEL)))


@pytest.mark.parametrize(
    ("variant", "words"),
    [
        (Variant(channels_last=("transformer",)), r"^channels_last = 'transformer': no such component.*unet"),
        (Variant(compile=Compile(("prior",))), r"^compile.components = 'prior': no such component"),
    ],
)
def test_a_component_that_is_not_there_is_rejected(variant: Variant, words: str) -> None:
    with pytest.raises(Rejection, match=words):
        loaded(variant)


def test_a_pipeline_without_a_vae_cannot_slice_it() -> None:
    model = ModelSpec("builtin:ddpm-digits")
    one = case(model=model, variant=Variant(memory=Memory(vae_tiling=True)))
    with pytest.raises(Rejection, match=r"^memory.vae_tiling = True: the pipeline has no VAE"):
        PipelineCache().take(one, CPU)


def test_a_quantisation_backend_that_is_not_installed_says_so() -> None:
    quantization = Quantization("bitsandbytes_8bit", ("unet",), {"load_in_8bit": True})
    with pytest.raises(ModelUnavailable, match=r"^quantization.backend: .* needs the package bitsandbytes"):
        loaded(Variant(quantization=quantization))


@pytest.mark.slow
def test_compiled_components_give_close_latents(plain: torch.Tensor) -> None:
    pipeline = loaded(Variant(compile=Compile(("unet",))))
    assert float((latents(pipeline) - plain).norm() / plain.norm()) < 1e-5
