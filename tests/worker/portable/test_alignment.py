from __future__ import annotations

import pytest
import torch
from diffusers import DDIMPipeline, DDIMScheduler, DiffusionPipeline, UNet2DModel

from harness.worker.portable.alignment import ALIGNMENT, align


def _unaligned(tensor: torch.Tensor, offset: int = 8) -> torch.Tensor:
    """The same values `offset` bytes behind an aligned address."""
    storage = torch.UntypedStorage(tensor.numel() * tensor.element_size() + ALIGNMENT)
    start = (offset - storage.data_ptr()) % ALIGNMENT
    flat = torch.empty(0, dtype=tensor.dtype).set_(
        storage, start // tensor.element_size(), tensor.shape, tensor.contiguous().stride()
    )
    assert flat.data_ptr() % ALIGNMENT == offset
    return flat.copy_(tensor)


class _Pipeline(DiffusionPipeline):
    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.register_modules(module=module)


def _module() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.BatchNorm1d(7))


def _is_aligned(tensor: torch.Tensor) -> bool:
    return tensor.data_ptr() % ALIGNMENT == 0


@pytest.fixture
def pipeline():
    module = _module()
    for tensor in (*module.parameters(), *module.buffers()):
        tensor.data = _unaligned(tensor.data)
    return _Pipeline(module)


def test_parameters_and_buffers_move_and_keep_their_values_and_identity(pipeline):
    held = [*pipeline.module.parameters(), *pipeline.module.buffers()]
    before = [tensor.clone() for tensor in held]

    moved = align(pipeline)

    assert moved == sum(tensor.numel() * tensor.element_size() for tensor in held)
    assert all(map(_is_aligned, held))
    assert all(torch.equal(one, two) for one, two in zip(held, before, strict=True))
    now = [*pipeline.module.parameters(), *pipeline.module.buffers()]
    assert [id(tensor) for tensor in now] == [id(tensor) for tensor in held]
    assert all(parameter.requires_grad for parameter in pipeline.module.parameters())


def test_what_is_aligned_is_left_where_it_is(pipeline):
    align(pipeline)
    places = [tensor.data_ptr() for tensor in pipeline.module.parameters()]

    assert align(pipeline) == 0
    assert [tensor.data_ptr() for tensor in pipeline.module.parameters()] == places


def test_tied_weights_stay_tied_and_are_moved_once():
    module = torch.nn.ModuleDict(
        {"embedding": torch.nn.Embedding(9, 4), "head": torch.nn.Linear(4, 9, bias=False)}
    )
    module["embedding"].weight.data = _unaligned(module["embedding"].weight.data)
    # Another parameter object over the same bytes, as some loaders leave tied weights.
    module["head"].weight = torch.nn.Parameter(module["embedding"].weight.data)
    tied = torch.nn.Linear(4, 9, bias=False)
    tied.weight = module["embedding"].weight
    module["third"] = tied

    assert align(_Pipeline(module)) == 9 * 4 * 4

    one, two = module["embedding"].weight, module["head"].weight
    assert one.data_ptr() == two.data_ptr()
    assert tied.weight is one
    with torch.no_grad():
        one[0, 0] = 42.0
    assert two[0, 0] == 42.0


def test_views_stay_views_of_the_same_bytes():
    module = torch.nn.Module()
    whole = _unaligned(torch.arange(24.0).reshape(4, 6))
    module.register_buffer("whole", whole)
    module.register_buffer("part", whole[1:, ::2])

    align(_Pipeline(module))

    assert _is_aligned(module.whole)
    assert module.part.tolist() == module.whole[1:, ::2].tolist()
    module.whole[2, 4] = -1.0
    assert module.part[1, 2] == -1.0


def test_layouts_stay():
    module = torch.nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
    strides = module.weight.stride()
    storage = _unaligned(torch.empty(module.weight.numel()))
    placed = storage.as_strided(module.weight.shape, strides).copy_(module.weight.data)
    assert not _is_aligned(placed)
    module.weight.data = placed

    align(_Pipeline(module))

    assert _is_aligned(module.weight)
    assert module.weight.stride() == strides


class _Subclass(torch.Tensor):
    pass


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
def test_what_is_no_plain_tensor_is_left_as_it_is():
    module = torch.nn.Module()
    module.register_buffer("sub", _unaligned(torch.rand(5)).as_subclass(_Subclass))
    module.register_buffer("nowhere", torch.empty(5, device="meta"))
    module.register_buffer("quantised", torch.quantize_per_tensor(torch.rand(5), 0.1, 0, torch.qint8))
    module.register_buffer("empty", torch.empty(0))
    module.register_buffer("sparse", torch.eye(3).to_sparse())

    assert align(_Pipeline(module)) == 0
    assert isinstance(module.sub, _Subclass)
    assert module.nowhere.is_meta


def test_tensors_that_a_module_holds_without_registering_them_move_too():
    module = torch.nn.Module()
    module.frequencies = _unaligned(torch.rand(5))

    align(_Pipeline(module))

    assert _is_aligned(module.frequencies)


def test_modules_that_are_no_registered_component_are_found():
    pipeline = _Pipeline(_module())
    pipeline.loaded_by_itself = torch.nn.Linear(3, 3)
    pipeline.loaded_by_itself.weight.data = _unaligned(pipeline.loaded_by_itself.weight.data)

    align(pipeline)

    assert _is_aligned(pipeline.loaded_by_itself.weight)


def test_a_pipeline_loaded_from_a_file_with_any_header_is_aligned(tmp_path):
    unet = UNet2DModel(
        sample_size=8, block_out_channels=(32, 32), layers_per_block=1,
        down_block_types=("DownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    DDIMPipeline(unet, DDIMScheduler()).save_pretrained(tmp_path)
    loaded = DDIMPipeline.from_pretrained(tmp_path)

    align(loaded)

    assert all(map(_is_aligned, loaded.unet.parameters()))
    assert all(
        torch.equal(one, two) for one, two in zip(loaded.unet.parameters(), unet.parameters(), strict=True)
    )
