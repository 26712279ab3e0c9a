"""Which methods may be called before a run, by the class that defines them."""

from __future__ import annotations

import pytest

from harness.config.pipelines.installed import diffusers_folder
from harness.core.preparations import ALLOWED, may_be_called

SD = "diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion"


@pytest.mark.parametrize(
    ("method", "module", "accepted"),
    [
        ("enable_freeu", "diffusers.pipelines.pipeline_utils", True),
        ("enable_freeu", None, False),
        ("invert", SD, True),
        ("invert", "./own", True),
        ("generate_caption", "my_package.pipelines", True),
        ("remove_all_hooks", "diffusers.pipelines.pipeline_utils", False),
        ("lora_state_dict", "diffusers.loaders.lora_pipeline", False),
        ("anything", "diffusers.configuration_utils", False),
        ("anything", "diffusers.modular_pipelines.modular_pipeline", False),
        ("anything", "diffusers.modular_pipelines.wan.modular_pipeline", True),
        ("__call__", "torch.nn.modules.module", False),
        ("push_to_hub", SD, False),
        ("save_anywhere", "./own", False),
        ("to_json_file", SD, False),
        ("export_video", SD, False),
        ("saved", SD, True),
    ],
)
def test_what_the_pipeline_defines_itself_and_what_is_listed(
    method: str, module: str | None, accepted: bool
) -> None:
    assert may_be_called(method, module) is accepted


def test_every_listed_method_is_one_of_diffusers() -> None:
    folder = diffusers_folder()
    if folder is None:
        pytest.skip("diffusers is not installed")
    places = [*sorted(folder.glob("loaders/*.py")), folder / "pipelines/pipeline_utils.py"]
    places += [folder / "modular_pipelines/modular_pipeline.py"]
    text = "".join(place.read_text(encoding="utf-8") for place in places)
    # Older versions have them; 0.42 has them only on the VAE.
    gone = {"disable_vae_slicing", "disable_vae_tiling"}
    assert {name for name in ALLOWED if f"def {name}(" not in text} <= gone
