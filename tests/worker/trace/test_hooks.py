"""Listeners see every call, are invisible to whoever looks at what they sit on, and leave nothing behind."""

from __future__ import annotations

import copy
import functools
import inspect
from contextlib import ExitStack
from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler

from harness.worker.trace.hooks import Call, on_class, on_module, on_network


class Network(torch.nn.Module):
    """Adds, with its own idea of what an argument is called."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.nn.Linear(2, 2)

    def forward(self, sample: torch.Tensor, *, scale: float = 1.0) -> torch.Tensor:
        return self.inner(sample) * scale

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """Documented."""
        return pixels * 2


class Base:
    """What two kinds inherit."""

    def step(self, sample: int) -> str:
        return f"{type(self).__name__} {sample}"

    def __call__(self, text: str) -> str:
        return text.upper()


class Kind(Base):
    """Has a step of its own, on top of the inherited one."""

    def step(self, sample: int) -> str:
        return f"own {super().step(sample)}"


class Listener:
    """Remembers what was called on what and lets it proceed."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, str, tuple[Any, ...], dict[str, Any]]] = []

    def __call__(self, call: Call) -> Any:
        self.calls.append((call.owner, call.method, call.args, call.kwargs))
        return call.proceed()

    @property
    def methods(self) -> list[str]:
        return [method for _, method, _, _ in self.calls]


ZEROS = torch.zeros(1, 2)


# Networks


def test_the_listener_gets_every_call_and_decides_on_arguments_and_result() -> None:
    network = Network()
    network.inner.bias.data.fill_(1.0)

    def doubling(call: Call) -> Any:
        call.kwargs["scale"] = 2.0
        return call.proceed() + 100

    with ExitStack() as stack:
        on_network(network, ["forward"], doubling, stack)
        assert network(ZEROS).tolist() == network.forward(ZEROS, scale=7.0).tolist() == [[102.0, 102.0]]
    assert network(ZEROS).tolist() == [[1.0, 1.0]]


def test_other_networks_of_the_class_are_not_listened_to() -> None:
    listener, network = Listener(), Network()
    with ExitStack() as stack:
        on_network(network, ["forward", "encode"], listener, stack)
        Network()(ZEROS)
        network.encode(ZEROS)
        network(ZEROS)
        assert type(network) is Network
    assert listener.methods == ["encode", "forward"]
    assert all(owner is network for owner, *_ in listener.calls)


def test_a_listened_to_method_looks_like_the_method() -> None:
    network = Network()
    with ExitStack() as stack:
        on_network(network, ["forward", "encode"], Listener(), stack)
        for method in ("forward", "encode"):
            expected = getattr(Network(), method)
            assert inspect.signature(getattr(network, method)) == inspect.signature(expected)
            found = inspect.getfullargspec(getattr(network, method))
            own = inspect.getfullargspec(expected)
            assert ["self", *found.args] == own.args  # of a method, inspect names `self` as well
            assert found[1:] == own[1:]
        encode: Any = network.encode
        assert (encode.__name__, encode.__doc__, encode.__self__) == ("encode", "Documented.", network)


def test_a_module_inside_is_listened_to_without_hooks_of_torch() -> None:
    listener, network = Listener(), Network()
    with ExitStack() as stack:
        on_module(network.inner, listener, stack)
        network(ZEROS)
        assert not network.inner._forward_hooks
        assert not network.inner._forward_pre_hooks
    assert listener.methods == ["forward"]


def test_an_attribute_of_ones_own_such_as_that_of_offloading_is_put_back() -> None:
    network = Network()
    network.forward = functools.partial(network.forward, scale=3.0)  # type: ignore[method-assign]
    network.inner.bias.data.fill_(1.0)
    held, listener = vars(network)["forward"], Listener()
    with ExitStack() as stack:
        on_network(network, ["forward"], listener, stack)
        assert network(ZEROS).tolist() == [[3.0, 3.0]]
    assert vars(network)["forward"] is held
    assert listener.methods == ["forward"]


def test_vars_are_as_before_even_when_the_call_raises() -> None:
    network, before = Network(), dict(vars(Network()))
    with ExitStack() as stack:
        on_network(network, ["forward", "encode"], Listener(), stack)
        on_module(network.inner, Listener(), stack)
        with pytest.raises(RuntimeError):
            network(torch.zeros(1, 3))
    assert vars(network).keys() == before.keys()
    assert "forward" not in vars(network.inner)


def test_a_deep_copy_of_a_network_works_on_its_own_weights() -> None:
    network = Network()
    with ExitStack() as stack:
        on_network(network, ["forward"], Listener(), stack)
        twin = copy.deepcopy(network)
    twin.inner.weight.data.zero_()
    twin.inner.bias.data.fill_(5.0)
    assert twin(ZEROS).tolist() == [[5.0, 5.0]]
    assert network(ZEROS).tolist() != [[5.0, 5.0]]


@pytest.mark.parametrize("how", ["compile", "torch.compile"])
def test_a_compiled_network_is_not_compiled_again(how: str) -> None:
    compiled: list[Any] = []

    def backend(graph: Any, _: Any) -> Any:
        compiled.append(graph)
        return graph.forward

    network: Any = Network()
    if how == "compile":
        network.compile(backend=backend)
    else:
        network = torch.compile(network, backend=backend)
    expected, listener, before = network(ZEROS), Listener(), set(vars(network))
    with ExitStack() as stack:
        on_network(network, ["forward"], listener, stack)
        assert torch.equal(network(ZEROS), expected)
    assert torch.equal(network(ZEROS), expected)
    assert (len(compiled), listener.methods) == (1, ["forward"])
    assert set(vars(network)) == before
    torch._dynamo.reset()


# Classes


def test_every_instance_and_every_kind_of_copy_is_listened_to() -> None:
    listener, thing = Listener(), Kind()
    with ExitStack() as stack:
        on_class(Kind, ["step"], listener, stack)
        results = [one.step(3) for one in (thing, copy.copy(thing), copy.deepcopy(thing), Kind())]
        assert type(thing) is Kind
    assert results == ["own Kind 3"] * 4
    assert [type(owner) for owner, *_ in listener.calls] == [Kind] * 4
    assert len({id(owner) for owner, *_ in listener.calls}) == 4


def test_calling_the_object_itself_is_a_call() -> None:
    listener = Listener()
    with ExitStack() as stack:
        on_class(Kind, ["__call__"], listener, stack)
        assert Kind()("x") == "X"
    assert [(method, args) for _, method, args, _ in listener.calls] == [("__call__", ("x",))]


@pytest.mark.parametrize("kinds", [(Base, Kind), (Kind, Base)], ids=["base first", "base last"])
def test_a_class_and_its_base_can_both_be_listened_to(kinds: tuple[type, ...]) -> None:
    listener = Listener()
    before = [dict(vars(kind)) for kind in kinds]
    with ExitStack() as stack:
        for kind in kinds:
            on_class(kind, ["step", "__call__"], listener, stack)
        assert Kind().step(1) == "own Kind 1"
        assert Base().step(2) == "Base 2"
    assert [args for _, method, args, _ in listener.calls][-1] == (2,)
    assert [dict(vars(kind)) for kind in kinds] == before


def test_signatures_of_a_scheduler_are_unchanged() -> None:
    # Pipelines ask `step` whether it takes eta, and `set_timesteps` whether it takes timesteps.
    def signatures() -> list[Any]:
        looks = (inspect.signature, inspect.getfullargspec)
        scheduler = DDIMScheduler()
        methods = (DDIMScheduler.step, scheduler.step, scheduler.set_timesteps, scheduler.add_noise)
        return [look(method) for method in methods for look in looks]

    before = signatures()
    with ExitStack() as stack:
        on_class(DDIMScheduler, ["step", "set_timesteps", "add_noise"], Listener(), stack)
        assert signatures() == before
    assert "eta" in inspect.signature(DDIMScheduler.step).parameters


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_of_a_scheduler_keeps_its_own_state(copied: Any) -> None:
    listener, original = Listener(), DDPMScheduler()
    original.set_timesteps(10)
    with ExitStack() as stack:
        on_class(DDPMScheduler, ["set_timesteps"], listener, stack)
        twin = copied(original)
        twin.set_timesteps(4)
    assert (len(original.timesteps), len(twin.timesteps)) == (10, 4)
    assert [owner is twin for owner, *_ in listener.calls] == [True]
    twin.set_timesteps(5)
    assert len(listener.calls) == 1
