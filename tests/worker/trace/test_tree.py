"""Tensors are found in, and exchanged inside, whatever pipelines hand around."""

from __future__ import annotations

import copy
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from diffusers.models.unets.unet_2d import UNet2DOutput
from diffusers.schedulers.scheduling_ddim import DDIMSchedulerOutput
from PIL import Image
from transformers import BatchEncoding
from transformers.modeling_outputs import BaseModelOutputWithPooling

from harness.worker.trace.tree import Found, exchanged

Pair = namedtuple("Pair", ["left", "right"])


@dataclass(frozen=True)
class Frozen:
    tensor: torch.Tensor
    number: int = 3


@dataclass
class Changeable:
    tensor: torch.Tensor


def found(value: object, name: str = "") -> Found:
    result = Found()
    result.add(name, value)
    return result


def tensors(value: object, name: str = "") -> dict[str, Any]:
    return {path: tensor.tolist() for path, tensor in found(value, name).tensors}


def doubled(value: Any, name: str = "") -> Any:
    return exchanged(name, value, lambda _, tensor: tensor * 2)


ONE, TWO = torch.tensor([1.0]), torch.tensor([2.0])

# what is looked into: a value, and its tensors by path
CONTAINERS: dict[str, tuple[Any, dict[str, list[float]]]] = {
    "tensor": (ONE, {"output": [1.0]}),
    "tuple": ((ONE, TWO), {"0": [1.0], "1": [2.0]}),
    "list": ([ONE, [TWO, "x"]], {"0": [1.0], "1.0": [2.0]}),
    "dict": ({"a": {"b": ONE}, "c": (TWO,)}, {"a.b": [1.0], "c.0": [2.0]}),
    "ordered": (OrderedDict(a=ONE), {"a": [1.0]}),
    "numbered": ({3: ONE}, {"3": [1.0]}),
    "namedtuple": (Pair(ONE, [TWO]), {"left": [1.0], "right.0": [2.0]}),
    "frozen dataclass": (Frozen(ONE), {"tensor": [1.0]}),
    "dataclass": (Changeable(ONE), {"tensor": [1.0]}),
    "output of diffusers": (DDIMSchedulerOutput(ONE, TWO), {"prev_sample": [1.0], "pred_original_sample": [2.0]}),
    "output without all": (DDIMSchedulerOutput(prev_sample=ONE), {"prev_sample": [1.0]}),
    "output of transformers": (
        BaseModelOutputWithPooling(last_hidden_state=ONE, hidden_states=(ONE, TWO)),
        {"last_hidden_state": [1.0], "hidden_states.0": [1.0], "hidden_states.1": [2.0]},
    ),
    "encoding": (BatchEncoding({"input_ids": ONE}), {"input_ids": [1.0]}),
}  # fmt: skip

ids = pytest.mark.parametrize("kind", CONTAINERS)


@ids
def test_tensors_are_found_by_their_path(kind: str) -> None:
    value, expected = CONTAINERS[kind]
    assert tensors(value) == expected
    outer = "x" if list(expected) == ["output"] else "x."
    named = {f"{outer}{path}" if outer == "x." else "x": held for path, held in expected.items()}
    assert tensors(value, "x") == named


@ids
def test_the_exchange_gets_the_paths_under_which_tensors_are_found(kind: str) -> None:
    value, expected = CONTAINERS[kind]
    asked: dict[str, Any] = {}
    exchanged("", value, lambda path, tensor: asked.update({path: tensor.tolist()}))
    assert asked == expected


@ids
def test_exchanged_tensors_are_in_a_copy_of_the_same_kind(kind: str) -> None:
    value, expected = CONTAINERS[kind]
    before = copy.deepcopy(tensors(value))
    new = doubled(value)
    assert type(new) is type(value)
    assert tensors(new) == {path: [2 * held[0]] for path, held in expected.items()}
    assert tensors(value) == before
    if not isinstance(value, torch.Tensor):
        assert new is not value


@ids
def test_where_nothing_is_exchanged_the_value_itself_comes_back(kind: str) -> None:
    value, _ = CONTAINERS[kind]
    assert exchanged("", value, lambda *_: None) is value


def test_parts_that_stay_are_the_very_same() -> None:
    inner, value = [TWO], {}
    value.update(change=[ONE], stay=inner, text="x")
    new = exchanged("", value, lambda path, tensor: tensor * 5 if path == "change.0" else None)
    assert new["stay"] is inner
    assert (new["change"][0].item(), new["text"], list(new)) == (5.0, "x", ["change", "stay", "text"])


def test_an_output_is_exchanged_as_attribute_item_and_position() -> None:
    output = doubled(UNet2DOutput(sample=ONE))
    assert output.sample.item() == output["sample"].item() == output[0].item() == 2.0
    encoding = doubled(BatchEncoding({"input_ids": ONE}))
    assert encoding.input_ids.item() == encoding["input_ids"].item() == 2.0


def test_a_distribution_is_looked_into_and_rebuilt() -> None:
    distribution = DiagonalGaussianDistribution(torch.tensor([[1.0, 0.5], [3.0, -0.5]]).reshape(1, 4, 1, 1))
    paths = tensors(distribution, "latent_dist")
    assert paths.keys() == {f"latent_dist.{name}" for name in ("parameters", "mean", "logvar", "std", "var")}
    new = exchanged("", distribution, lambda path, tensor: tensor + 1 if path == "mean" else None)
    assert torch.equal(new.mode(), distribution.mode() + 1)
    assert torch.equal(new.std, distribution.std)


# Arrays, images, rows


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.arange(6, dtype=np.float32).reshape(2, 3)[:, ::-1],
        np.arange(6, dtype=np.float32).reshape(3, 2).T,
        np.arange(6, dtype=">f4").reshape(2, 3),
        np.frombuffer(bytes(range(6)), np.uint8).reshape(2, 3),
        np.array(3.5),
        np.float32(3.5),
        np.array([True, False]),
        np.zeros((0, 2)),
    ],
    ids=[
        "plain",
        "backwards",
        "transposed",
        "other byte order",
        "read-only",
        "0-d",
        "scalar",
        "bool",
        "empty",
    ],
)
@pytest.mark.filterwarnings("error")
def test_an_array_counts_as_the_tensor_of_its_values(array: Any) -> None:
    [(path, tensor)] = found(array, "image").tensors
    assert (path, tensor.tolist(), tuple(tensor.shape)) == ("image", array.tolist(), array.shape)


def test_an_array_is_exchanged_for_an_array() -> None:
    array = np.ones((2, 3), np.float32)
    new = doubled({"image": [array]})["image"][0]
    assert (type(new), new.dtype, new.shape, new.sum()) == (np.ndarray, np.float32, (2, 3), 12.0)
    assert array.sum() == 6.0


def test_images_and_rows_count_as_tensors_and_are_left_as_they_are() -> None:
    image = Image.fromarray(np.arange(12, dtype=np.uint8).reshape(2, 2, 3))
    value = {"image": image, "ids": [[1, 2], [3, 4]], "weights": [0.5], "flags": [True]}
    assert {path: str(tensor.dtype) for path, tensor in found(value).tensors} == {
        "image": "torch.uint8",
        "ids": "torch.int64",
        "weights": "torch.float64",
        "flags": "torch.bool",
    }
    assert tensors(value)["ids"] == [[1, 2], [3, 4]]
    assert tensors(value)["image"] == np.arange(12).reshape(2, 2, 3).tolist()
    assert doubled(value) is value


def test_rows_of_different_lengths_are_rows_each() -> None:
    assert tensors({"input_ids": [[1, 2], [3]]}) == {"input_ids.0": [1, 2], "input_ids.1": [3]}


@pytest.mark.parametrize(
    "array",
    [np.array(["text"]), np.array([{}], dtype=object), np.array([1.0], np.longdouble)],
    ids=["text", "objects", "long double"],
)
def test_arrays_that_no_tensor_holds_are_passed_over(array: Any) -> None:
    assert tensors(array) == {}
    assert doubled([array])[0] is array


# What else there is


def test_plain_values_are_found_by_path() -> None:
    value = {"steps": 3, "eta": 0.5, "on": True, "prompt": ["a", "b"], "none": None, "size": (1, 2)}
    assert found(value).values == {
        "steps": 3,
        "eta": 0.5,
        "on": True,
        "prompt.0": "a",
        "prompt.1": "b",
        "size.0": 1,
        "size.1": 2,
    }
    assert doubled(value) is value


@pytest.mark.parametrize(
    "value",
    [
        torch.Generator(),
        torch.nn.Linear(1, 1),
        torch.device("cpu"),
        torch.float32,
        DDIMScheduler(),
        DDIMScheduler,
        SimpleNamespace(tensor=ONE),
        print,
        b"bytes",
        {1, 2},
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_objects_are_not_looked_into(value: Any) -> None:
    assert (found(value).tensors, found(value).values) == ([], {})
    assert doubled(value) is value


def test_what_contains_itself_ends() -> None:
    value: list[Any] = [ONE]
    value.append(value)
    assert len(found(value).tensors) < 20
    assert exchanged("", value, lambda *_: None) is value
