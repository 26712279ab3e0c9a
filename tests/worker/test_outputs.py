"""Whatever a pipeline returns becomes named tensors that hold every bit of it, or is refused."""

from __future__ import annotations

import collections
import dataclasses
from collections import OrderedDict
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from diffusers.pipelines.stable_diffusion.pipeline_output import StableDiffusionPipelineOutput
from diffusers.utils import BaseOutput
from PIL import Image

from harness.worker.outputs import Outputs, UnknownOutput, flatten


def only(output: object) -> torch.Tensor:
    """The one tensor of `output`, which must hold nothing else."""
    flat = flatten(output)
    assert (list(flat.tensors), dict(flat.text), flat.absent) == (["output"], {}, ())
    return flat.tensors["output"]


def same(tensor: torch.Tensor, values: object, dtype: torch.dtype) -> bool:
    """Whether `tensor` has this dtype, and shape and elements of the nested lists `values`."""
    return tensor.dtype is dtype and tensor.tolist() == values


@dataclasses.dataclass
class TwoFields(BaseOutput):
    images: Any
    scores: Any = None


class Pair(NamedTuple):
    left: Any
    right: Any


@dataclasses.dataclass
class Plain:
    frames: Any


# torch tensors


@pytest.mark.parametrize(
    "dtype",
    [
        torch.float64,
        torch.float32,
        torch.float16,
        torch.bfloat16,
        torch.float8_e4m3fn,
        torch.float8_e5m2,
        torch.int64,
        torch.uint8,
        torch.uint16,
        torch.bool,
        torch.complex64,
        torch.complex128,
    ],
    ids=str,
)
def test_a_tensor_keeps_its_dtype_and_every_bit(dtype: torch.dtype) -> None:
    # Random bytes are, among others, NaNs with payloads, denormals and negative zeros; a bool has two values.
    size = torch.empty((), dtype=dtype).element_size()
    raw = torch.randint(
        0, 2 if dtype is torch.bool else 256, (6, size), dtype=torch.uint8, generator=torch.manual_seed(0)
    )
    tensor = raw.view(dtype).reshape(2, 3)
    kept = only(tensor)
    assert (kept.dtype, kept.shape) == (dtype, (2, 3))
    assert torch.equal(kept.reshape(-1).view(torch.uint8), raw.reshape(-1))


def test_half_precision_survives_stacking() -> None:
    for dtype in (torch.bfloat16, torch.float16):
        ones = [torch.full((2,), 1 + torch.finfo(dtype).eps, dtype=dtype)] * 3
        assert same(only(ones), [[1 + torch.finfo(dtype).eps] * 2] * 3, dtype)


def test_a_tensor_that_requires_grad_is_detached() -> None:
    kept = only(torch.ones(2, requires_grad=True) * 3)
    assert not kept.requires_grad
    assert same(kept, [3.0, 3.0], torch.float32)


def test_a_view_keeps_its_order_and_owns_its_memory() -> None:
    whole = torch.arange(6.0).reshape(2, 3)
    kept = only(whole.T)
    whole.zero_()
    assert kept.is_contiguous()
    assert same(kept, [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]], torch.float32)


def test_a_lazily_conjugated_or_negated_view_has_its_own_values() -> None:
    conjugated = torch.tensor([1 + 2j]).conj()
    assert same(only(conjugated), [1 - 2j], torch.complex64)
    assert not only(conjugated).is_conj()
    assert same(only(conjugated.imag), [-2.0], torch.float32)
    assert not only(conjugated.imag).is_neg()


def test_a_0d_and_an_empty_tensor_keep_their_shape() -> None:
    assert same(only(torch.tensor(2.5)), 2.5, torch.float32)
    assert only(torch.tensor(2.5)).shape == ()
    assert only(torch.empty(0, 3, dtype=torch.float16)).shape == (0, 3)


def test_a_sparse_tensor_becomes_dense() -> None:
    assert same(only(torch.eye(2).to_sparse()), [[1.0, 0.0], [0.0, 1.0]], torch.float32)


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
def test_a_quantized_tensor_becomes_the_values_it_stands_for() -> None:
    quantized = torch.quantize_per_tensor(torch.tensor([0.5, 1.0]), 0.5, 0, torch.qint8)
    assert same(only(quantized), [0.5, 1.0], torch.float32)


# numpy arrays


@pytest.mark.parametrize(
    ("array", "values", "dtype"),
    [
        (np.array([[1.5, 2.5]], np.float32), [[1.5, 2.5]], torch.float32),
        (np.array([1.5], np.float16), [1.5], torch.float16),
        (np.array([1.5], ">f8"), [1.5], torch.float64),
        (np.array([258], ">u2"), [258], torch.uint16),
        (np.array([[1, 2], [3, 4]], np.uint8).T, [[1, 3], [2, 4]], torch.uint8),
        (np.arange(4)[::-2], [3, 1], torch.int64),
        (np.array(7, np.int32), 7, torch.int32),
        (np.array([True, False]), [True, False], torch.bool),
        (np.array([1 + 2j]), [1 + 2j], torch.complex128),
        (np.empty((2, 0), np.float32), [[], []], torch.float32),
        (np.float32(0.5), 0.5, torch.float32),
    ],
    ids=str,
)
def test_a_numpy_array_keeps_dtype_shape_and_values(
    array: np.ndarray, values: object, dtype: torch.dtype
) -> None:
    kept = only(array)
    assert same(kept, values, dtype)
    assert kept.is_contiguous()


def test_an_array_is_copied() -> None:
    array = np.zeros(2)
    kept = only(array)
    array[:] = 1
    assert same(kept, [0.0, 0.0], torch.float64)


def test_a_read_only_array_is_taken() -> None:
    array = np.arange(2)
    array.flags.writeable = False
    assert same(only(array), [0, 1], torch.int64)


def test_object_arrays_are_taken_apart() -> None:
    images = np.empty(2, object)
    images[:] = [np.zeros((1, 2)), np.zeros((2, 1))]
    assert {name: tensor.shape for name, tensor in flatten(images).tensors.items()} == {
        "output.0": (1, 2),
        "output.1": (2, 1),
    }
    assert flatten(np.array(None, object)) == Outputs(absent=("output.0",))
    assert flatten(np.array([["a"], ["b"]])).text == {"output.0.0": "a", "output.1.0": "b"}
    assert only(np.empty((0,), object)).shape == (0,)


@pytest.mark.parametrize(
    "array", [np.array(["2020-01-01"], "datetime64[D]"), np.array([1], np.longdouble)], ids=str
)
def test_an_array_of_a_dtype_unknown_to_torch_is_never_lost(array: np.ndarray) -> None:
    with pytest.raises(UnknownOutput, match=r"output\.0"):
        flatten(array)


# PIL images


@pytest.mark.parametrize(
    ("mode", "shape", "dtype"),
    [
        ("1", (2, 3), torch.bool),
        ("L", (2, 3), torch.uint8),
        ("LA", (2, 3, 2), torch.uint8),
        ("La", (2, 3, 2), torch.uint8),
        ("P", (2, 3, 4), torch.uint8),
        ("PA", (2, 3, 4), torch.uint8),
        ("RGB", (2, 3, 3), torch.uint8),
        ("RGBA", (2, 3, 4), torch.uint8),
        ("RGBa", (2, 3, 4), torch.uint8),
        ("RGBX", (2, 3, 4), torch.uint8),
        ("CMYK", (2, 3, 4), torch.uint8),
        ("YCbCr", (2, 3, 3), torch.uint8),
        ("LAB", (2, 3, 3), torch.uint8),
        ("HSV", (2, 3, 3), torch.uint8),
        ("I", (2, 3), torch.int32),
        ("I;16", (2, 3), torch.uint16),
        ("I;16L", (2, 3), torch.uint16),
        ("I;16B", (2, 3), torch.uint16),
        ("I;16N", (2, 3), torch.uint16),
        ("F", (2, 3), torch.float32),
    ],
)
def test_an_image_of_every_mode_is_height_by_width_in_its_own_depth(
    mode: str, shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    kept = only(Image.new(mode, (3, 2)))
    assert (kept.shape, kept.dtype) == (shape, dtype)


def test_pixels_keep_their_place_and_value() -> None:
    image = Image.new("RGB", (3, 2))
    image.putpixel((2, 1), (10, 20, 30))
    deep = Image.new("I;16", (1, 1), 40_000)
    assert only(image)[1, 2].tolist() == [10, 20, 30]
    assert only(image).sum() == 60
    assert same(only(deep), [[40_000]], torch.uint16)


def test_a_palette_image_has_the_colours_it_shows() -> None:
    palette = Image.new("RGB", (1, 1), (10, 20, 30)).convert("P", palette=Image.Palette.ADAPTIVE)
    assert only(palette).tolist() == [[[10, 20, 30, 255]]]


# Lists


def grey(width: int, value: int = 0) -> Image.Image:
    return Image.new("L", (width, 1), value)


def test_images_of_one_size_become_one_tensor_with_a_new_first_axis() -> None:
    assert same(only([grey(2, 1), grey(2, 9)]), [[[1, 1]], [[9, 9]]], torch.uint8)


def test_video_frames_become_one_tensor_of_videos_by_frames() -> None:
    videos = [[grey(1, 1), grey(1, 2), grey(1, 3)], [grey(1, 4), grey(1, 5), grey(1, 6)]]
    assert same(only(videos), [[[[1]], [[2]], [[3]]], [[[4]], [[5]], [[6]]]], torch.uint8)


def test_images_of_several_sizes_keep_a_tensor_each() -> None:
    assert {name: tuple(tensor.shape) for name, tensor in flatten([grey(1), grey(2)]).tensors.items()} == {
        "output.0": (1, 1),
        "output.1": (1, 2),
    }


def test_of_ragged_videos_each_is_one_tensor() -> None:
    ragged = [[grey(1), grey(1)], [grey(1)]]
    assert {name: tuple(tensor.shape) for name, tensor in flatten(ragged).tensors.items()} == {
        "output.0": (2, 1, 1),
        "output.1": (1, 1, 1),
    }


def test_items_of_another_dtype_are_not_stacked() -> None:
    flat = flatten([torch.zeros(1), torch.zeros(1, dtype=torch.float16)])
    assert {name: tensor.dtype for name, tensor in flat.tensors.items()} == {
        "output.0": torch.float32,
        "output.1": torch.float16,
    }


def test_a_list_of_one_keeps_its_axis() -> None:
    assert only([grey(2)]).shape == (1, 1, 2)


def test_empty_lists_and_mappings_are_recorded_too() -> None:
    assert only([]).shape == (0,)
    assert only([[], []]).shape == (2, 0)
    assert only(()).shape == (0,)
    assert only({}).shape == (0,)
    assert flatten({"boxes": {}, "labels": []}).tensors.keys() == {"boxes", "labels"}


def test_a_list_with_a_gap_says_so() -> None:
    flat = flatten([torch.zeros(1), None])
    assert (list(flat.tensors), flat.absent) == (["output.0"], ("output.1",))


# Numbers, text, bytes


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (True, torch.bool),
        (3, torch.int64),
        (0.1, torch.float64),
        (1j, torch.complex128),
        ([False, True], torch.bool),
        ([1, 2], torch.int64),
        ([[0.5], [1.5]], torch.float64),
    ],
    ids=str,
)
def test_numbers_become_tensors(value: object, dtype: torch.dtype) -> None:
    assert same(only(value), value, dtype)


def test_a_number_that_fits_no_dtype_is_refused() -> None:
    with pytest.raises(UnknownOutput, match=r"output: a builtins\.int has no tensors"):
        flatten(2**63)


def test_text_and_lists_of_text_stay_text() -> None:
    assert flatten("eine Sieben €") == Outputs(text={"output": "eine Sieben €"})
    assert flatten(["a", "", "c"]) == Outputs(text={"output.0": "a", "output.1": "", "output.2": "c"})


@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_bytes_become_a_tensor(kind: type) -> None:
    assert same(only(kind(b"\x00\xff")), [0, 255], torch.uint8)


# Outputs with fields


def test_fields_of_an_output_class_keep_their_name() -> None:
    flat = flatten(TwoFields(images=torch.zeros(2), scores=[0.5]))
    assert flat.tensors.keys() == {"images", "scores"}


def test_a_field_that_is_none_is_recorded_as_absent() -> None:
    # As mappings, diffusers' outputs leave such fields out.
    assert flatten(TwoFields(images=torch.zeros(2))).absent == ("scores",)
    real = StableDiffusionPipelineOutput(images=[grey(1)], nsfw_content_detected=None)
    assert (list(flatten(real).tensors), flatten(real).absent) == (["images"], ("nsfw_content_detected",))
    assert flatten(None) == Outputs(absent=("output",))
    assert flatten((None,)) == Outputs(absent=("0",))


def test_an_output_with_no_field_set_is_all_absent() -> None:
    assert flatten(TwoFields(images=None)) == Outputs(absent=("images", "scores"))


def test_a_bare_tuple_is_numbered_and_never_stacked() -> None:
    flat = flatten((torch.zeros(2), torch.zeros(2)))
    assert {name: tuple(tensor.shape) for name, tensor in flat.tensors.items()} == {"0": (2,), "1": (2,)}


def test_named_tuples_dataclasses_and_mappings_give_names() -> None:
    assert flatten(Pair(torch.zeros(1), "text")) == Outputs({"left": torch.zeros(1)}, {"right": "text"})
    assert flatten(Plain(frames=[1, 2])).tensors.keys() == {"frames"}
    assert flatten(OrderedDict(a=1, b=None)).absent == ("b",)
    assert flatten({0: 1.0, "mask": 2.0}).tensors.keys() == {"0", "mask"}


def test_nested_fields_are_joined_by_dots_also_where_they_are_alike() -> None:
    assert flatten(Plain(frames=Pair(1, 2))).tensors.keys() == {"frames.left", "frames.right"}
    assert flatten([Pair(1, 2)]).tensors.keys() == {"output.0.left", "output.0.right"}
    assert flatten({"a": {"b": [TwoFields(images=1)]}}).tensors.keys() == {"a.b.0.images"}


def test_other_sequences_are_numbered() -> None:
    assert flatten(collections.deque([1, "b"])) == Outputs({"output.0": torch.tensor(1)}, {"output.1": "b"})


# Objects


def test_an_object_with_attributes_is_taken_apart() -> None:
    mesh = SimpleNamespace(vertices=np.zeros((4, 3)), faces=torch.zeros(2, 3, dtype=torch.int64), name="cube")
    flat = flatten([mesh])
    assert flat.tensors.keys() == {"output.0.vertices", "output.0.faces"}
    assert flat.text == {"output.0.name": "cube"}


def test_data_that_an_object_keeps_behind_its_properties_counts() -> None:
    class Mesh:
        def __init__(self) -> None:
            self._data = {"vertices": torch.zeros(4, 3)}
            self.closed = True
            self.on_change = print

    assert flatten(Mesh()).tensors.keys() == {"output._data.vertices", "output.closed"}


@pytest.mark.parametrize(
    "value",
    [object(), {1, 2}, iter([1]), len, TwoFields, torch.Generator(), SimpleNamespace(), 10**30],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_compared_is_refused_by_name(value: object) -> None:
    with pytest.raises(UnknownOutput, match=r"^images\.inner: a .* has no tensors, images, numbers or text"):
        flatten(TwoFields(images={"inner": value}))


def test_an_object_that_refers_to_itself_is_refused() -> None:
    loop: list[object] = [1, "a"]
    loop.append(loop)
    with pytest.raises(UnknownOutput, match="refers to itself"):
        flatten(loop)


@pytest.mark.parametrize("value", [{"a": {"b": 1}, "a.b": 2}, {1: 1, "1": 2}], ids=str)
def test_two_parts_of_one_name_are_refused(value: object) -> None:
    with pytest.raises(UnknownOutput, match="two "):
        flatten(value)
