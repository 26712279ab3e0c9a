"""How the networks of `unclip-digits` are put together; `test_recipes` trains them for two steps each."""

import json
from pathlib import Path

from harness.zoo.train import text
from harness.zoo.train.unclip import decoder, digits, prior, super_resolution


def test_each_network_has_the_recipe_of_its_own_module() -> None:
    recipes = digits.Recipes()
    assert recipes.text is text.RECIPE
    assert recipes.prior is prior.RECIPE
    assert recipes.decoder is decoder.RECIPE
    assert recipes.super_res_first is super_resolution.FIRST_RECIPE
    assert recipes.super_res_last is super_resolution.LAST_RECIPE


def test_the_index_names_the_projection_as_the_published_checkpoint_and_keeps_the_rest(
    tmp_path: Path,
) -> None:
    file = tmp_path / "model_index.json"
    file.write_text(
        json.dumps({"text_proj": ["diffusers", "Other"], "prior": ["a", "B"], "_class_name": "U"})
    )
    digits._index_as_published(file)
    written = file.read_text()
    assert json.loads(written) == {
        "text_proj": ["unclip", "UnCLIPTextProjModel"],
        "prior": ["a", "B"],
        "_class_name": "U",
    }
    assert written.endswith("}\n")
    assert list(json.loads(written)) == sorted(json.loads(written))
