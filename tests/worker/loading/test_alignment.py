"""Tensors come to lie at multiples of 64 bytes and stay what they are otherwise."""

from __future__ import annotations

import functools
import sys
import weakref
from types import SimpleNamespace

import pytest
import torch
from accelerate import cpu_offload
from diffusers import DDIMPipeline, DDIMScheduler, DiffusionPipeline, UNet2DModel
from safetensors.torch import load_file, save_file

from harness.worker.loading import alignment, mapped
from harness.worker.loading.alignment import ALIGNMENT, align, aligned


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
    """Refuses to be asked for anything, as some of those do that count or translate what is done to them."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        raise AssertionError(func)


class _Computing(torch.Tensor):
    """Computes by itself from a tensor that it holds, as quantised weights do."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held):
        made = torch.Tensor._make_wrapper_subclass(cls, held.shape, dtype=held.dtype, device=held.device)
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        raise AssertionError(func)


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
def test_what_has_no_plain_memory_on_the_cpu_is_left_as_it_is():
    module = torch.nn.Module()
    module.register_buffer("nowhere", torch.empty(5, device="meta"))
    module.register_buffer("quantised", torch.quantize_per_tensor(torch.rand(5), 0.1, 0, torch.qint8))
    module.register_buffer("empty", torch.empty(0))
    module.register_buffer("sparse", torch.eye(3).to_sparse())

    assert align(_Pipeline(module)) == 0
    assert module.nowhere.is_meta


def test_a_subclass_stays_one():
    module = torch.nn.Module()
    module.weight = _unaligned(torch.rand(5)).as_subclass(_Subclass)

    assert align(_Pipeline(module)) == 20
    assert type(module.weight) is _Subclass
    with torch._C.DisableTorchFunctionSubclass():
        assert _is_aligned(module.weight)


def test_what_a_subclass_computes_from_is_moved():
    module = torch.nn.Module()
    module.weight = _Computing(_unaligned(torch.rand(5)))

    assert align(_Pipeline(module)) == 20
    assert type(module.weight) is _Computing
    assert _is_aligned(module.weight.held)


def test_lazy_conjugates_and_negatives_keep_their_values_and_their_bytes():
    module = torch.nn.Module()
    module.number = _unaligned(torch.tensor([1 + 2j, 3 - 4j]))
    module.conjugate = module.number.conj()
    module.negative = module.number.conj().imag
    expected = module.conjugate.tolist(), module.negative.tolist()

    align(_Pipeline(module))

    assert (module.conjugate.tolist(), module.negative.tolist()) == expected
    assert (module.conjugate.is_conj(), module.negative.is_neg()) == (True, True)
    module.number[0] = 5 + 6j
    assert (module.conjugate[0].item(), module.negative[0].item()) == (5 - 6j, -6.0)


def test_tensors_of_inference_mode_and_of_a_graph_move():
    module = torch.nn.Module()
    with torch.inference_mode():
        module.inferred = _unaligned(torch.rand(5))
    module.computed = _unaligned(torch.rand(5, requires_grad=True).detach()).requires_grad_() * 1
    module.computed.data = _unaligned(module.computed.data)

    assert align(_Pipeline(module)) == 40
    assert module.inferred.is_inference()
    assert module.computed.grad_fn is not None


def test_views_that_begin_within_an_element_of_another_are_left_where_they_are():
    module = torch.nn.Module()
    storage = torch.UntypedStorage(64)
    module.bytes = torch.empty(0, dtype=torch.uint8).set_(storage, 1, (20,), (1,))
    module.floats = torch.empty(0).set_(storage, 1, (3,), (1,))

    assert align(_Pipeline(module)) == 0


@pytest.mark.gpu
def test_pinned_memory_stays_pinned():
    module = torch.nn.Module()
    module.weight = torch.rand(100).pin_memory()[1:]

    assert align(_Pipeline(module)) == 396
    assert module.weight.is_pinned()
    assert _is_aligned(module.weight)


@pytest.mark.gpu
def test_what_is_on_a_gpu_is_left_there():
    module = torch.nn.Module()
    module.weight = torch.rand(100, device="cuda")[1:]
    place = module.weight.data_ptr()

    assert align(_Pipeline(module)) == 0
    assert module.weight.data_ptr() == place


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


def _holding(weight):
    module = torch.nn.Module()
    module.weight = torch.nn.Parameter(weight)
    module.itself = weight
    return module


def _scheduler(weight):
    scheduler = DDIMScheduler()
    scheduler.learned = weight
    return scheduler


class _Slotted:
    __slots__ = ("weight",)

    def __init__(self, weight):
        self.weight = weight


@pytest.mark.parametrize(
    "held",
    [
        lambda weight: [weight],
        lambda weight: {"a": ({"b": weight},)},
        lambda weight: SimpleNamespace(model=_holding(weight)),
        _Slotted,
        lambda weight: _Pipeline(_holding(weight)),
        lambda weight: [_Pipeline(_holding(weight))],
        _scheduler,
        lambda weight: lambda x: x @ weight,
        lambda weight: functools.partial(torch.add, weight),
    ],
    ids=["list", "dict", "object", "slots", "pipeline", "pipelines", "scheduler", "closure", "partial"],
)
def test_whatever_the_pipeline_holds_is_found(held):
    pipeline, weight = _Pipeline(_module()), _unaligned(torch.rand(5))
    pipeline.held = held(weight)

    align(pipeline)

    assert _is_aligned(weight)


def test_the_weights_that_offloading_keeps_in_its_hooks_move():
    module = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.Linear(7, 3))
    module[1].bias = torch.nn.Parameter(module[0].bias.data[:3])
    for parameter in module.parameters():
        parameter.data = _unaligned(parameter.data)
    given = torch.rand(2, 5)
    expected = module(given)
    cpu_offload(module, torch.device("cpu"))
    assert all(parameter.is_meta for parameter in module.parameters())

    assert align(_Pipeline(module)) == 4 * (35 + 7 + 21 + 3)

    kept = module[0]._hf_hook.weights_map
    assert all(_is_aligned(kept[name]) for name in ("weight", "bias"))
    assert torch.equal(module(given), expected)


def test_a_module_that_is_moved_back_lies_aligned():
    module = _module()
    module.to("meta")
    module.to_empty(device="cpu")

    assert align(_Pipeline(module)) == 0


def test_a_tensor_for_a_call_is_copied_only_if_it_has_to_be():
    there, elsewhere = torch.rand(5), _unaligned(torch.rand(5))

    assert aligned(there) is there
    assert _is_aligned(aligned(elsewhere))
    assert torch.equal(aligned(elsewhere), elsewhere)


def test_the_old_place_of_a_tensor_is_let_go_of_before_the_next_one_moves(monkeypatch):
    """So that never more than one tensor is in memory twice."""
    module = torch.nn.Module()
    module.weights = torch.nn.ParameterList(_unaligned(torch.rand(100)) for _ in range(5))
    old = [weakref.ref(weight.untyped_storage()) for weight in module.weights]
    alive = []
    real = alignment._filled

    def filled(*args):
        alive.append(sum(one() is not None for one in old))
        return real(*args)

    monkeypatch.setattr(alignment, "_filled", filled)

    align(_Pipeline(module))

    assert alive == [5, 4, 3, 2, 1]


@pytest.mark.skipif(sys.platform != "linux", reason="smaps is Linux's")
def test_a_mapped_file_leaves_memory_as_its_weights_are_moved(tmp_path, monkeypatch):
    count, size = 8, 2**18
    path = tmp_path / "weights.safetensors"
    save_file({f"{number}": torch.full((size,), float(number)) for number in range(count)}, path, {"a": "b"})
    if (8 + int.from_bytes(path.read_bytes()[:8], "little")) % ALIGNMENT == 0:
        save_file(load_file(path), path, {"a": "b" * 9})
    module = torch.nn.Module()
    module.weights = torch.nn.ParameterList(load_file(path).values())
    let_go = []
    real = mapped.let_go
    monkeypatch.setattr(
        mapped, "let_go", lambda start, stop: let_go.append(stop - start) or real(start, stop)
    )

    assert align(_Pipeline(module)) == count * size * 4
    assert let_go == [size * 4] * count
    assert sorted(weight.unique().item() for weight in module.weights) == list(range(count))


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
