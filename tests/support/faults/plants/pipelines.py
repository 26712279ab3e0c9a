"""Faults in the pipelines' own code and in their image processors."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from tests.support.faults.plants.tools import changed, plants, replaced, rewritten


def _guided(pipeline: type, name: str, faulty: str) -> None:
    """Put the expression `faulty` in the place of the guidance scale called `name`."""
    rewritten(pipeline, "__call__", f" + {name} * (", f" + changed({name}, {faulty}) * (")


@plants("sd-guidance-seven")
def guidance_seven(module: ModuleType) -> None:
    _guided(module.StableDiffusionPipeline, "self.guidance_scale", "7.0")


@plants("sd-guidance-7.499")
def guidance_slightly_off(module: ModuleType) -> None:
    _guided(module.StableDiffusionPipeline, "self.guidance_scale", "7.499")


@plants("sd-guidance-from-step-twelve")
def guidance_from_step_twelve(module: ModuleType) -> None:
    _guided(module.StableDiffusionPipeline, "self.guidance_scale", "7.4 if i >= 12 else self.guidance_scale")


@plants("unclip-prior-guidance")
def prior_guidance(module: ModuleType) -> None:
    _guided(module.UnCLIPPipeline, "prior_guidance_scale", "3.99")


@plants("unclip-decoder-guidance")
def decoder_guidance(module: ModuleType) -> None:
    _guided(module.UnCLIPPipeline, "decoder_guidance_scale", "7.9")


@plants("sd-halves-swapped")
def halves_swapped(module: ModuleType) -> None:
    rewritten(
        module.StableDiffusionPipeline,
        "__call__",
        "noise_pred_uncond, noise_pred_text = noise_pred.chunk(2)",
        "noise_pred_text, noise_pred_uncond = noise_pred.chunk(2)\n"
        "                changed(noise_pred_uncond, noise_pred_text)",
    )


@plants("sd-embeddings-swapped")
def embeddings_swapped(module: ModuleType) -> None:
    right, wrong = "[negative_prompt_embeds, prompt_embeds]", "[prompt_embeds, negative_prompt_embeds]"
    rewritten(
        module.StableDiffusionPipeline,
        "__call__",
        f"torch.cat({right})",
        f"changed(torch.cat({right}), torch.cat({wrong}))",
    )


@plants("sd-vae-scaling")
def vae_scaling(module: ModuleType) -> None:
    factor = "self.vae.config.scaling_factor"
    rewritten(
        module.StableDiffusionPipeline,
        "__call__",
        f"latents / {factor}",
        f"latents / changed({factor}, 1.01 * {factor})",
    )


@plants("img2img-encoded-scale")
def encoded_scale(module: ModuleType) -> None:
    scaled = "self.vae.config.scaling_factor * init_latents"
    rewritten(
        module.StableDiffusionImg2ImgPipeline, "prepare_latents", scaled, f"changed({scaled}, init_latents)"
    )


@plants("img2img-preprocess")
def preprocess(module: ModuleType) -> None:
    def normalize(images: Any) -> Any:
        return changed(2.0 * images - 1.0, images)

    module.VaeImageProcessor.normalize = staticmethod(normalize)


@plants("sd-picture-rounded")
def picture_rounded(module: ModuleType) -> None:
    def make(original: Any) -> Any:
        def postprocess(self: Any, *args: Any, **kwargs: Any) -> Any:
            images = original(self, *args, **kwargs)
            rounded = (images * 255).round() / 255
            changed(images.tobytes(), rounded.tobytes())
            return rounded

        return postprocess

    replaced(module.VaeImageProcessor, "postprocess", make)


@plants("ddim-picture-rounded")
def pixels_rounded(module: ModuleType) -> None:
    rewritten(
        module.DDIMPipeline,
        "__call__",
        "image = (image / 2 + 0.5).clamp(0, 1)",
        "image = (image / 2 + 0.5).clamp(0, 1)\n    image = changed(image, (image * 255).round() / 255)",
    )


@plants("unclip-picture-shifted")
def picture_shifted(module: ModuleType) -> None:
    rewritten(
        module.UnCLIPPipeline,
        "__call__",
        "image = image * 0.5 + 0.5",
        "image = changed(image * 0.5 + 0.5, image * 0.5 + 0.501)",
    )
