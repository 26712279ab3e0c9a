"""The digest of weights: independent of where and how they lie, different for whatever else differs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import ClassVar

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler

from harness.worker.model_files.weights import (
    WeightFiles,
    component_digests,
    weights_sha256,
)


class Holder(torch.nn.Module):
    """A module with the given buffers."""

    def __init__(self, **buffers: torch.Tensor) -> None:
        super().__init__()
        for name, value in buffers.items():
            self.register_buffer(name, value)


def digest(**buffers: torch.Tensor) -> str | None:
    return weights_sha256(Holder(**buffers))


def test_the_digest_is_over_dtypes_shapes_and_bytes() -> None:
    weight, bias = np.arange(6, dtype=np.float32).reshape(2, 3), np.array([0.5, -0.5], dtype=np.float32)
    entries = [
        hashlib.sha256(b"\0torch.float32\0(2,)\0" + bias.tobytes()).digest(),
        hashlib.sha256(b"\0torch.float32\0(2, 3)\0" + weight.tobytes()).digest(),
    ]
    expected = hashlib.sha256(b"".join(sorted(entries)))
    linear = torch.nn.Linear(3, 2)
    linear.load_state_dict({"weight": torch.from_numpy(weight), "bias": torch.from_numpy(bias)})
    assert weights_sha256(linear) == expected.hexdigest()


def test_what_holds_no_weights_has_no_digest() -> None:
    assert weights_sha256(DDIMScheduler()) is None
    assert weights_sha256(None) is None


@pytest.mark.parametrize(
    "relaid",
    [
        lambda tensor: tensor.to(memory_format=torch.channels_last),
        lambda tensor: tensor.transpose(0, 3).contiguous().transpose(0, 3),
        lambda tensor: torch.cat([torch.zeros(1), tensor.flatten()])[1:].reshape(tensor.shape),
        lambda tensor: tensor.to_sparse(),
        lambda tensor: (-tensor).conj().neg(),
    ],
)
def test_the_layout_does_not_count(relaid: Callable[[torch.Tensor], torch.Tensor]) -> None:
    tensor = torch.arange(2 * 3 * 4 * 5, dtype=torch.float32).reshape(2, 3, 4, 5)
    assert digest(a=relaid(tensor)) == digest(a=tensor)


def test_the_order_of_registration_does_not_count() -> None:
    one, two = torch.ones(2), torch.zeros(3)
    assert digest(a=one, b=two) == digest(b=two, a=one)


def test_every_difference_counts() -> None:
    base = torch.tensor([1.0, 2.0, 3.0, 4.0])
    others = [
        digest(a=base.reshape(2, 2)),
        digest(a=base.view(torch.int32)),
        digest(a=torch.nextafter(base, torch.tensor(9.0))),
        digest(a=torch.tensor([0.0, 2.0, 3.0, 4.0])),
        digest(a=torch.tensor([-0.0, 2.0, 3.0, 4.0])),
        digest(a=base, b=torch.empty(0)),
        digest(a=base, b=torch.empty(0, 3)),
    ]
    assert len({digest(a=base), *others}) == len(others) + 1


@pytest.mark.parametrize(
    "dtype", [torch.bfloat16, torch.float16, torch.float8_e4m3fn, torch.complex64, torch.int8]
)
def test_every_dtype_is_hashed_by_its_bytes(dtype: torch.dtype) -> None:
    ones, twos = torch.ones(3).to(dtype), torch.zeros(3).to(dtype)
    entry = hashlib.sha256(f"\0{dtype}\0(3,)\0".encode() + bytes(ones.view(torch.uint8).tolist()))
    assert digest(a=ones) == hashlib.sha256(entry.digest()).hexdigest()
    assert digest(a=ones) != digest(a=twos)
    assert digest(a=ones[0]) != digest(a=ones[:1])


def test_names_and_whole_number_buffers_do_not_count() -> None:
    value = torch.arange(3.0)
    assert digest(renamed=value) == digest(a=value)
    assert digest(a=value, position_ids=torch.arange(7), mask=torch.ones(2, dtype=torch.bool)) == digest(
        a=value
    )


def test_conjugated_values_are_resolved() -> None:
    value = torch.tensor([1 + 2j])
    assert digest(a=value.conj()) == digest(a=torch.tensor([1 - 2j]))


@pytest.mark.filterwarnings("ignore")
def test_quantised_weights_count_with_their_scales() -> None:
    def quantised(scale: float, zero: int = 3) -> torch.Tensor:
        return torch.quantize_per_tensor(torch.tensor([scale, 2 * scale]), scale, zero, torch.qint8)

    # Equal integers, another scale: other weights.
    assert torch.equal(quantised(0.5).int_repr(), quantised(0.25).int_repr())
    assert len({digest(a=quantised(0.5)), digest(a=quantised(0.25)), digest(a=quantised(0.5, 4))}) == 3
    assert digest(a=quantised(0.5)) == digest(a=quantised(0.5))


@pytest.mark.filterwarnings("ignore")
def test_weights_inside_packed_states_count() -> None:
    def packed(value: float) -> str | None:
        linear = torch.nn.Sequential(torch.nn.Linear(40, 40, bias=False))
        torch.nn.init.constant_(linear[0].weight, 1.0)
        with torch.no_grad():
            linear[0].weight[20, 20] = value
        return weights_sha256(
            torch.ao.quantization.quantize_dynamic(linear, {torch.nn.Linear}, dtype=torch.qint8)
        )

    # In the middle of the matrix, where a printed tensor has dots.
    assert packed(0.5) != packed(0.25)
    assert packed(0.5) == packed(0.5)


def test_a_compiled_module_has_the_digest_of_what_it_compiles() -> None:
    linear = torch.nn.Linear(2, 2)
    assert weights_sha256(torch.compile(linear)) == weights_sha256(linear)


def test_weights_that_lie_elsewhere_are_not_hashed_partly() -> None:
    with pytest.raises(ValueError, match=r"^weight: .*hash before offloading$"):
        weights_sha256(torch.nn.Linear(2, 2, bias=False, device="meta"))


def test_components_without_weights_are_left_out() -> None:
    class Pipeline:
        components: ClassVar = {
            "unet": torch.nn.Linear(1, 1),
            "scheduler": DDIMScheduler(),
            "safety_checker": None,
        }

    assert component_digests(Pipeline()) == {"unet": weights_sha256(Pipeline.components["unet"])}


def test_a_decoy_does_not_hide_a_pickle_of_what_is_told_nothing_of_safetensors() -> None:
    def pickles(*names: str, is_model: bool) -> tuple[str, ...]:
        return WeightFiles("part", is_model, names, names, frozenset({None}), None).pickles

    assert pickles("part/vocab.pkl", "part/decoy.safetensors", is_model=False) == ("part/vocab.pkl",)
    assert pickles("part/pytorch_model.bin", "part/model.safetensors", is_model=False) == ()
    assert pickles("part/pytorch_model.bin", "part/other.safetensors", is_model=True) == ()
    assert pickles("part/pytorch_model.bin", is_model=True) == ("part/pytorch_model.bin",)
