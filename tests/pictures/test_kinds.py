from __future__ import annotations

import pytest

from harness.pictures.kinds import Asked, Kind, kind_of

LATENT = {"output_type": "latent"}


@pytest.mark.parametrize(
    ("name", "dtype", "shape", "pipeline", "call", "kind"),
    [
        ("images", "uint8", (1, 64, 64, 3), "StableDiffusionPipeline", {}, Kind.PICTURE),
        ("images", "float32", (2, 64, 64, 3), "StableDiffusionPipeline", {}, Kind.PICTURE),
        ("images", "float32", (1, 3, 64, 64), "StableDiffusionPipeline", {"output_type": "pt"}, Kind.PICTURE),
        ("images.0", "uint8", (64, 64), "DDPMPipeline", {}, Kind.PICTURE),
        ("images", "uint8", (3, 4, 4, 4), "P", {}, Kind.PICTURE),
        ("images", "float32", (1, 4, 64, 64), "StableDiffusionPipeline", LATENT, Kind.LATENTS),
        ("images", "float32", (1, 4096, 64), "FluxPipeline", LATENT, Kind.LATENTS),
        ("images", "float32", (1, 4, 64, 64), "P", {}, Kind.LATENTS),
        ("latents", "bfloat16", (1, 16, 8, 8), "P", {}, Kind.LATENTS),
        ("frames", "float32", (1, 16, 64, 64, 3), "P", {}, Kind.VIDEO),
        ("frames", "float32", (1, 16, 3, 64, 64), "P", {"output_type": "pt"}, Kind.VIDEO),
        ("frames", "uint8", (16, 64, 64, 3), "P", {}, Kind.VIDEO),
        ("frames", "float32", (1, 16, 4, 8, 8), "P", LATENT, Kind.LATENTS),
        ("audios", "float32", (1, 81920), "AudioLDMPipeline", {}, Kind.AUDIO),
        ("audios", "float32", (1, 2, 65536), "StableAudioPipeline", {}, Kind.AUDIO),
        ("images", "uint8", (1, 256, 256, 1), "AudioDiffusionPipeline", {}, Kind.PICTURE),
        ("audios", "float32", (1, 64, 1024), "StableAudioPipeline", LATENT, Kind.LATENTS),
        ("audios", "float32", (1, 81920), "P", {}, Kind.AUDIO),
        ("output", "float32", (1, 81920), "AudioLDMPipeline", {}, Kind.AUDIO),
        ("output", "float32", (1, 81920), "P", {}, Kind.MAP),
        ("images", "float32", (64, 64, 3), "P", {}, Kind.PICTURE),
        ("images", "float32", (64, 64), "P", {}, Kind.PICTURE),
        ("output", "float32", (64, 64), "P", {}, Kind.MAP),
        ("output", "uint8", (64, 64), "P", {}, Kind.PICTURE),
        ("output", "float32", (1, 4, 4, 3), "P", {}, Kind.MAP),
        ("prediction", "float32", (1, 64, 64, 1), "MarigoldDepthPipeline", {}, Kind.DEPTH),
        ("prediction", "float32", (1, 64, 64, 3), "MarigoldNormalsPipeline", {}, Kind.NORMALS),
        ("mask_image", "bool", (64, 64), "P", {}, Kind.MASK),
        ("image_embeds", "float32", (2, 768), "P", {}, Kind.MAP),
        ("prompt_embeds", "float32", (1, 77, 768), "P", {}, Kind.MAP),
        ("output", "float32", (128,), "P", {}, Kind.MAP),
        ("output", "complex64", (64, 64), "P", {}, Kind.MAP),
        ("nsfw_content_detected", "bool", (1,), "P", {}, Kind.NUMBERS),
        ("output", "float32", (), "P", {}, Kind.NUMBERS),
        ("output", "uint8", (0, 64, 64, 3), "P", {}, Kind.NUMBERS),
    ],
)
def test_kind(
    name: str, dtype: str, shape: tuple[int, ...], pipeline: str, call: dict[str, object], kind: Kind
) -> None:
    assert kind_of(name, dtype, shape, Asked(pipeline, call)) is kind
