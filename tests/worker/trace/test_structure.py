"""What decides numbers, and what only names code, is told of every module and component."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from diffusers.models.attention_processor import Attention, AttnProcessor, AttnProcessor2_0

from harness.codec import from_json, to_json
from harness.core.trace import ModuleAttributes, Structure
from harness.worker.trace.structure import structure_of
from tests.worker.fakes import Digits
from tests.worker.trace import runs


def attributes(structure: Structure, component: str, path: str) -> ModuleAttributes:
    return structure.attributes[structure.components[component].modules[path]]


def of_network(network: torch.nn.Module) -> ModuleAttributes:
    """The attributes of a network that is a pipeline's `extra`."""
    pipeline = Digits(runs.ddim().unet, runs.ddim().scheduler)
    pipeline.extra = network
    return attributes(structure_of(pipeline), "extra", "")


@pytest.fixture(scope="module")
def structure() -> Structure:
    return structure_of(runs.stable_diffusion())


def test_every_component_with_its_class(structure: Structure) -> None:
    classes = {name: part.class_name.rpartition(".")[2] for name, part in structure.components.items()}
    assert classes == {
        "vae": "AutoencoderKL",
        "text_encoder": "CLIPTextModel",
        "tokenizer": "CLIPTokenizer",
        "unet": "UNet2DConditionModel",
        "scheduler": "PNDMScheduler",
        "image_processor": "VaeImageProcessor",
    }
    assert structure.components["unet"].class_name.startswith("diffusers.models.unets.")


def test_every_module_by_its_path(structure: Structure) -> None:
    for name in ("unet", "vae", "text_encoder"):
        network = getattr(runs.stable_diffusion(), name)
        assert list(structure.components[name].modules) == [path for path, _ in network.named_modules()]
    assert not structure.components["scheduler"].modules


def test_values_that_decide_numbers(structure: Structure) -> None:
    unet = runs.stable_diffusion().unet
    norm = unet.conv_norm_out
    attention = next(path for path, module in unet.named_modules() if isinstance(module, Attention))
    found = attributes(structure, "unet", "conv_norm_out")
    assert found.values == {
        "num_groups": norm.num_groups,
        "num_channels": norm.num_channels,
        "eps": norm.eps,
        "affine": True,
    }
    assert found.kinds == {"class": "GroupNorm"}
    found = attributes(structure, "unet", attention)
    assert {"heads", "scale", "upcast_attention"} <= found.values.keys()
    assert found.kinds["processor"] == "AttnProcessor2_0"


def test_configs_without_where_they_came_from(structure: Structure) -> None:
    scheduler = structure.components["scheduler"].config
    config = runs.stable_diffusion().scheduler.config
    assert scheduler["beta_schedule"] == config.beta_schedule
    assert scheduler["num_train_timesteps"] == 1000
    assert structure.components["unet"].config["block_out_channels"] == list(
        runs.stable_diffusion().unet.config.block_out_channels
    )
    assert structure.components["text_encoder"].config["hidden_act"] == "quick_gelu"
    origins = {"_name_or_path", "_diffusers_version", "transformers_version", "torch_dtype"}
    for component in structure.components.values():
        assert not origins & component.config.keys()
        assert "builtin" not in to_json(component)
        assert "/" not in "".join(value for value in component.config.values() if isinstance(value, str))


def test_the_structure_survives_its_json(structure: Structure) -> None:
    assert from_json(Structure, to_json(structure)) == structure


def test_modules_with_the_same_attributes_share_them(structure: Structure) -> None:
    modules = sum(len(part.modules) for part in structure.components.values())
    assert len(structure.attributes) < modules / 3
    assert len({repr(one) for one in structure.attributes}) == len(structure.attributes)


@pytest.mark.parametrize(
    ("change", "value"),
    [
        (lambda unet: setattr(unet.conv_norm_out, "eps", 1e-4), {"eps": 1e-4}),
        (lambda unet: setattr(unet.conv_norm_out, "num_groups", 1), {"num_groups": 1}),
    ],
)
def test_one_changed_attribute_is_seen(change: Any, value: dict[str, object]) -> None:
    pipeline = Digits(copy.deepcopy(runs.ddim().unet), runs.ddim().scheduler)
    before = structure_of(pipeline)
    change(pipeline.unet)
    after = structure_of(pipeline)
    assert attributes(after, "unet", "conv_norm_out").values.items() >= value.items()
    assert attributes(before, "unet", "conv_norm_out") != attributes(after, "unet", "conv_norm_out")
    others = {path for path in after.components["unet"].modules if path != "conv_norm_out"}
    assert all(attributes(before, "unet", path) == attributes(after, "unet", path) for path in others)


def test_another_processor_is_another_kind_and_no_value() -> None:
    attention = Attention(8, heads=2, processor=AttnProcessor2_0())
    first = of_network(attention)
    attention.set_processor(AttnProcessor())
    second = of_network(attention)
    assert (first.kinds["processor"], second.kinds["processor"]) == ("AttnProcessor2_0", "AttnProcessor")
    assert first.values == second.values


def test_train_mode_is_told_by_module() -> None:
    pipeline = Digits(copy.deepcopy(runs.ddim().unet), runs.ddim().scheduler)
    assert structure_of(pipeline).components["unet"].training == ()
    pipeline.unet.conv_norm_out.train()
    assert structure_of(pipeline).components["unet"].training == ("conv_norm_out",)


class Odd(torch.nn.Module):
    """Attributes of every kind."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__()
        for name, value in attributes.items():
            setattr(self, name, value)


def test_values_are_in_jsons_own_types_and_what_has_none_is_left_out() -> None:
    found = of_network(
        Odd(
            eps=1e-5,
            limit=float("inf"),
            size=(3, 4),
            names=["a"],
            mapping={"a": 1, 2: (True,)},
            kind=torch.float16,
            activation=torch.nn.functional.silu,
            torch_own=torch.tanh,
            nothing=None,
            table=[0.0] * 17,
            thing=object(),
            _private=3,
            tensor=torch.zeros(2),
        )
    )
    assert found.values == {
        "eps": 1e-5,
        "limit": "inf",
        "size": [3, 4],
        "names": ["a"],
        "mapping": {"a": 1, "2": [True]},
        "kind": "torch.float16",
        "activation": "torch.nn.functional.silu",
        "torch_own": found.values["torch_own"],
    }
    assert str(found.values["torch_own"]).endswith("tanh")
    assert found.kinds == {"class": "Odd"}
