"""What `load_ip_adapter` of each kind of pipeline is given, tried on stand-ins with its signature."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from harness.core.case import IpAdapter
from harness.worker.loading import ip_adapters
from harness.worker.loading.ip_adapters import SOURCE
from harness.worker.rejection import Rejection

ENCODER = ["config.json", "model.safetensors"]


def _stable(self: Any, pretrained_model_name_or_path_or_dict: Any, subfolder: Any, weight_name: Any,
            image_encoder_folder: Any = "image_encoder", **kwargs: Any) -> None:  # fmt: skip
    self.loaded = dict(locals())


def _sd3(self: Any, pretrained_model_name_or_path_or_dict: Any, weight_name: Any = "", subfolder: Any = None,
         image_encoder_folder: Any = "image_encoder", **kwargs: Any) -> None:  # fmt: skip
    self.loaded = dict(locals())


def _flux(self: Any, pretrained_model_name_or_path_or_dict: Any, weight_name: Any, subfolder: Any = "",
          image_encoder_pretrained_model_name_or_path: Any = "image_encoder", image_encoder_subfolder: Any = "",
          **kwargs: Any) -> None:  # fmt: skip
    self.loaded = dict(locals())


def pipeline(load: Callable[..., None], encoder: object = None) -> Any:
    """A pipeline whose `load_ip_adapter` is `load`, and which remembers what it was given."""

    def scale(self: Any, value: object) -> None:
        self.scale = value

    kind = type("Pipeline", (), {"load_ip_adapter": load, "set_ip_adapter_scale": scale})
    one = kind()
    one.image_encoder = encoder
    return one


@pytest.fixture
def base(tmp_path: Path) -> Path:
    for name in ("ip/models/a.safetensors", "ip/models/image_encoder/model.safetensors", "b.safetensors"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        save_file({"a": np.ones(1, np.float32)}, tmp_path / name)
    (tmp_path / "ip/models/image_encoder/config.json").write_text("{}")
    return tmp_path


def test_two_adapters_are_loaded_by_one_call(base: Path) -> None:
    one = pipeline(_stable)
    both = [IpAdapter("./ip", "models", scale=0.5), IpAdapter("b.safetensors", scale=0.25)]
    files = ip_adapters.add(one, both, base)
    assert one.loaded[SOURCE] == [str(base / "ip"), str(base)]
    assert one.loaded["subfolder"] == ["models", ""]
    assert one.loaded["weight_name"] == ["a.safetensors", "b.safetensors"]
    assert one.loaded["image_encoder_folder"] == "image_encoder"
    assert one.scale == [0.5, 0.25]
    inside = [f"ip_adapters[0]: ./ip/models/image_encoder/{name}" for name in ENCODER]
    assert sorted(files) == [
        "ip_adapters[0]: ./ip/models/a.safetensors",
        *inside,
        "ip_adapters[1]: b.safetensors",
    ]


@pytest.mark.parametrize(
    ("load", "argument"),
    [(_sd3, "image_encoder_folder"), (_flux, "image_encoder_pretrained_model_name_or_path")],
)
def test_elsewhere_the_image_encoder_is_given_by_its_whole_path(
    base: Path, load: Callable[..., None], argument: str
) -> None:
    one = pipeline(load)
    ip_adapters.add(one, [IpAdapter("./ip", "models")], base)
    assert one.loaded[argument] == str(base / "ip/models/image_encoder")
    assert (one.loaded["subfolder"], one.loaded["weight_name"]) == ("models", "a.safetensors")
    assert one.scale == 1.0


def test_an_image_encoder_that_the_pipeline_has_is_not_read_again(base: Path) -> None:
    files = ip_adapters.add(pipeline(_stable, encoder="there"), [IpAdapter("./ip", "models")], base)
    assert list(files) == ["ip_adapters[0]: ./ip/models/a.safetensors"]


def test_null_loads_no_image_encoder(base: Path) -> None:
    one = pipeline(_stable)
    files = ip_adapters.add(one, [IpAdapter("b.safetensors", image_encoder_folder=None)], base)
    assert one.loaded["image_encoder_folder"] is None
    assert list(files) == ["ip_adapters[0]: b.safetensors"]


def test_an_image_encoder_that_is_not_there_is_refused(base: Path) -> None:
    with pytest.raises(Rejection, match=r"^ip_adapters\[0\] = 'b.safetensors': image_encoder does not exist"):
        ip_adapters.add(pipeline(_stable), [IpAdapter("b.safetensors")], base)


def test_a_pipeline_without_ip_adapters_says_so(base: Path) -> None:
    with pytest.raises(Rejection, match="this pipeline has no load_ip_adapter"):
        ip_adapters.add(object(), [IpAdapter("b.safetensors")], base)  # type: ignore[arg-type]


def test_the_arguments_of_a_call_keep_what_is_no_place(base: Path) -> None:
    given = {
        SOURCE: "./ip",
        "subfolder": "models",
        "weight_name": ["a.safetensors"],
        "low_cpu_mem_usage": False,
    }
    keywords, files = ip_adapters.arguments(pipeline(_stable), "before[0].call", given, base)
    assert keywords[SOURCE] == str(base / "ip")
    assert (keywords["low_cpu_mem_usage"], keywords["image_encoder_folder"]) == (False, "image_encoder")
    assert f"before[0].call.{SOURCE}: ./ip/models/a.safetensors" in files


def test_lists_of_different_lengths_are_refused(base: Path) -> None:
    given = {SOURCE: ["./ip", "./ip"], "subfolder": "models", "weight_name": ["a", "b", "c"]}
    with pytest.raises(Rejection, match="give lists of equal length"):
        ip_adapters.arguments(pipeline(_stable), "before[0].call", given, base)


def test_the_image_encoder_of_flux_may_be_a_folder_of_its_own(base: Path) -> None:
    argument = "image_encoder_pretrained_model_name_or_path"
    given = {SOURCE: "b.safetensors", "weight_name": None, argument: "ip/models/image_encoder"}
    keywords, files = ip_adapters.arguments(pipeline(_flux), "before[0].call", given, base)
    assert keywords[argument] == str(base / "ip/models/image_encoder")
    assert f"before[0].call.{argument}: ip/models/image_encoder/model.safetensors" in files
