"""Trains `unclip-digits`: text to image embedding to image to larger image, as in the unCLIP paper."""

import json
import random
from dataclasses import dataclass
from pathlib import Path

from diffusers import UnCLIPPipeline
from transformers import CLIPTextModelWithProjection

from harness.zoo.train import determinism, text, tokenizer
from harness.zoo.train.conditioning import PromptBook
from harness.zoo.train.fit import Recipe
from harness.zoo.train.unclip import decoder as decoder
from harness.zoo.train.unclip import prior as prior
from harness.zoo.train.unclip import super_resolution as super_resolution


@dataclass(frozen=True)
class Recipes:
    """The training length of each network."""

    text: Recipe = text.RECIPE
    prior: Recipe = prior.RECIPE
    decoder: Recipe = decoder.RECIPE
    super_res_first: Recipe = super_resolution.FIRST_RECIPE
    super_res_last: Recipe = super_resolution.LAST_RECIPE


def train(folder: Path, recipes: Recipes = Recipes()) -> None:
    """Train the networks one after another and write a `UnCLIPPipeline` to `folder`."""
    generator = determinism.fix()
    encoder = text.trained(CLIPTextModelWithProjection, generator, recipes.text)
    book = PromptBook(encoder, random.Random(generator.initial_seed()))
    embeddings = prior.image_embeddings()
    painter = decoder.trained_decoder(embeddings.raw, book, recipes.decoder, generator)
    pipeline = UnCLIPPipeline(
        text_encoder=encoder,
        tokenizer=tokenizer.build(),
        prior=prior.trained_prior(embeddings, book, recipes.prior, generator),
        text_proj=painter.projection,
        decoder=painter.unet,
        super_res_first=super_resolution.trained_network(recipes.super_res_first, generator),
        super_res_last=super_resolution.trained_network(
            recipes.super_res_last, generator, below=super_resolution.LAST_TIMESTEPS
        ),
        prior_scheduler=prior.scheduler(),
        decoder_scheduler=decoder.scheduler(),
        super_res_scheduler=super_resolution.scheduler(),
    )
    pipeline.save_pretrained(folder, safe_serialization=True)
    text.save(encoder, folder / "text_encoder")
    tokenizer.save(folder / "tokenizer")
    _index_as_published(folder / "model_index.json")


def _index_as_published(file: Path) -> None:
    """Name the module of `text_proj` like the published unCLIP checkpoint (karlo-v1-alpha) does."""
    index = json.loads(file.read_text(encoding="utf-8"))
    index["text_proj"] = ["unclip", "UnCLIPTextProjModel"]
    file.write_text(json.dumps(index, indent=2, sort_keys=True) + "\n", encoding="utf-8")
