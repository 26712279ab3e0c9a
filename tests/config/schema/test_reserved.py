"""The refused names exist in the installed diffusers, and each says what to do instead."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from harness.config.pipelines.installed import diffusers_text
from harness.config.schema import reserved
from harness.config.schema.models import ConfigFile

GONE = {"enable_vae_slicing", "enable_vae_tiling"}
"""Older versions have them; 0.42 has them only on the VAE."""

TABLES = (reserved.CALL, reserved.BEFORE_CALL, reserved.METHODS, reserved.COMPONENTS)


@pytest.mark.parametrize("table", TABLES)
def test_every_refusal_ends_with_the_next_step(table: Mapping[str, str]) -> None:
    for name, advice in table.items():
        assert re.search(r"(^|[;,] (and )?)(use |leave it out$)", advice), name


def test_the_keys_that_are_named_instead_are_keys_of_a_config() -> None:
    for advice in (text for table in TABLES for text in table.values()):
        for key in re.findall(r"`(\w+)(?:[.:][^`]*)?`", advice):
            assert key in {*ConfigFile.model_fields, "method"}, advice


def test_the_refused_methods_are_those_of_pipelines() -> None:
    places = ("pipelines/pipeline_utils.py", "loaders/lora_base.py", "loaders/lora_pipeline.py")
    places += ("loaders/single_file.py", "loaders/textual_inversion.py", "utils/hub_utils.py")
    places += ("configuration_utils.py", "modular_pipelines/modular_pipeline.py")
    texts = [diffusers_text(place) or "" for place in places]
    if not any(texts):
        pytest.skip("diffusers is not installed")
    for method in reserved.METHODS.keys() - GONE:
        assert any(f"def {method}(" in text for text in texts), method


def test_the_refused_options_are_those_of_from_pretrained() -> None:
    text = "".join(
        diffusers_text(place) or "" for place in ("pipelines/pipeline_utils.py", "loaders/single_file.py")
    )
    if not text:
        pytest.skip("diffusers is not installed")
    for name in reserved.COMPONENTS:
        assert f'kwargs.pop("{name}"' in text or f"{name}=" in text, name
