"""Record one run of a pipeline: attach the listeners, and record each call."""

from __future__ import annotations

import inspect
import types
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from diffusers import DiffusionPipeline, SchedulerMixin

from harness.core.trace import NOISE, PIPELINE, TraceLevel
from harness.errors import HarnessError
from harness.golden.tensors import TensorFile
from harness.worker.trace import hooks, noise
from harness.worker.trace.recorder import Entry, Recorded, Recorder
from harness.worker.trace.replay import SCHEDULE, Replay
from harness.worker.trace.structure import qualified_name, structure_of
from harness.worker.trace.targets import Target, targets
from harness.worker.trace.tree import Found

_COMPILED = "_orig_mod"
"""The attribute of a compiled module that holds the original network."""


class Silent:
    """The session of a run that is not recorded."""

    def inputs(self, keywords: dict[str, Any]) -> None:
        """Record the arguments of the pipeline's own call."""

    def output(self, output: object) -> None:
        """Record the pipeline's result."""

    def finish(self) -> Recorded | None:
        """The trace; None if nothing was recorded."""
        return None


@contextmanager
def recording(
    pipeline: DiffusionPipeline, level: TraceLevel, spool: Path, forced: str | None
) -> Iterator[Silent]:
    """While open, listen to everything that the pipeline does.

    `spool` is the file for the tensors to keep; `forced` is the golden whose tensors are fed at every boundary.
    Raises UnreadableGolden if that golden cannot be read.
    """
    if level is TraceLevel.NONE:
        yield Silent()
        return
    with ExitStack() as stack:
        replay = Replay(stack.enter_context(TensorFile(Path(forced)))) if forced else None
        session = Session(pipeline, level, spool, replay)
        session.listen(pipeline, stack)
        try:
            yield session
        except BaseException as error:
            session.abandon()
            failure = session.failure
            if failure is None or failure is error or not isinstance(error, Exception):
                raise
            # The recorder's error made the pipeline fail, or the pipeline wrapped it.
            raise failure from error


class Session(Silent):
    """The recording of one run."""

    def __init__(
        self, pipeline: DiffusionPipeline, level: TraceLevel, spool: Path, replay: Replay | None
    ) -> None:
        self._structure = structure_of(pipeline)
        self._recorder = Recorder(level, spool)
        self._replay = replay
        self._level = level
        self._inside: list[str] = []
        self._drawing = False
        self._listening = True
        self._calls = Counter[tuple[str, str]]()
        self._names: dict[int, str] = {}
        self._copies: list[object] = []

    def listen(self, pipeline: DiffusionPipeline, stack: ExitStack) -> None:
        """Record everything that happens until `stack` closes."""
        stack.callback(self._stop)
        found = tuple(targets(pipeline))
        for target in found:
            self._names[id(target.owner)] = target.name
            self._recorder.name_class(target.name, qualified_name(type(target.owner)))
            if isinstance(target.owner, torch.nn.Module):
                hooks.on_network(target.owner, target.methods, self._called, stack)
        for kind, methods in _classes(found):
            hooks.on_class(kind, methods, self._called, stack)
        noise.listen_to_draws(self._drawn, stack)

    def inputs(self, keywords: dict[str, Any]) -> None:
        """Record the arguments of the pipeline's own call."""
        self._recorder.whole(PIPELINE, "__call__", _found(keywords))

    def output(self, output: object) -> None:
        """Record the pipeline's result."""
        self._recorder.whole(PIPELINE, "output", _found({"": output}))

    def finish(self) -> Recorded | None:
        """The trace."""
        return self._recorder.finish(self._structure)

    @property
    def failure(self) -> HarnessError | None:
        """The recorder's failure, if any."""
        return self._recorder.failure

    def abandon(self) -> None:
        """Release the spool of a run that ended early."""
        self._recorder.abandon()

    def _stop(self) -> None:
        # A copy of a scheduler may outlive the run together with its listener.
        self._listening = False

    def _called(self, call: hooks.Call) -> Any:
        """A component's method was called, by the pipeline or from inside the component."""
        name = self._name(call.owner)
        if name is None or name in self._inside or torch.compiler.is_compiling():
            return call.proceed()
        with self._recorder.event(name, call.method, _found(_named(call))) as entry:
            if self._replay:
                call.args, call.kwargs = self._replay.inputs(entry, call.args, call.kwargs, _parameters(call))
            with self._modules(name, call):
                self._inside.append(name)
                try:
                    result = call.proceed()
                finally:
                    self._inside.pop()
            return self._returned(entry, call.owner, result)

    def _name(self, owner: object) -> str | None:
        """The pipeline's own name for the object; None for foreign objects, and after the run.

        A scheduler that is not the pipeline's own is a copy that the pipeline made of one.
        """
        if not self._listening:
            return None
        if (name := self._names.get(id(owner))) is not None or not isinstance(owner, SchedulerMixin):
            return name
        name = f"{type(owner).__name__}.copy{len(self._copies) or ''}"
        self._copies.append(owner)  # kept, so that no other object gets its id
        self._names[id(owner)] = name
        self._recorder.name_class(name, qualified_name(type(owner)))
        return name

    def _returned(self, entry: Entry, owner: object, result: Any) -> Any:
        found = _found({"": result})
        if entry.method.startswith("set_timesteps"):
            held = {name: getattr(owner, name, None) for name in SCHEDULE}
            found.tensors += [
                (name, value) for name, value in held.items() if isinstance(value, torch.Tensor)
            ]
        self._recorder.result(entry, found)
        if not (entry.inputs or entry.outputs):
            self._recorder.forget(entry)
        return self._replay.outputs(entry, owner, result) if self._replay else result

    @contextmanager
    def _modules(self, name: str, call: hooks.Call) -> Iterator[None]:
        """Record the modules inside a network's call, if the level asks for it."""
        network = call.owner
        self._calls[name, call.method] += 1
        first = self._calls[name, call.method] == 1
        wanted = self._level is TraceLevel.MODULES or (self._level is TraceLevel.FULL and first)
        if not (wanted and isinstance(network, torch.nn.Module)) or _is_compiled(network):
            yield
            return
        with ExitStack() as stack:
            for path, module in network.named_modules():
                if path:
                    hooks.on_module(module, partial(self._module_called, name, path), stack)
            yield

    def _module_called(self, component: str, path: str, call: hooks.Call) -> Any:
        found = _found(_named(call))
        with self._recorder.event(component, call.method, found, module=path) as entry:
            result = call.proceed()
            self._recorder.result(entry, _found({"": result}))
            return result

    def _drawn(
        self, name: str, original: noise.Original, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Record a draw of random numbers; nested draws of the drawing function are part of it."""
        if not self._listening or self._drawing or torch.compiler.is_compiling():
            return original(*args, **kwargs)
        self._drawing = True
        try:
            found = noise.generators(args, kwargs)
            before = noise.state_of(found)
            with self._recorder.event(NOISE, name, Found()) as entry:
                result = original(*args, **kwargs)
                if isinstance(result, torch.Tensor) and result.is_meta:
                    # A layer created without data, to be filled with weights: nothing was drawn.
                    self._recorder.forget(entry)
                    return result
                entry.values.update(
                    generator=noise.device_of(found), before=before, after=noise.state_of(found)
                )
                self._recorder.result(entry, Found([("noise", result)]))
                return self._replay.noise(entry, result) if self._replay else result
        finally:
            self._drawing = False


def _classes(found: Iterable[Target]) -> Iterator[tuple[type, tuple[str, ...]]]:
    """The classes of objects that are not networks, each once, with the methods to listen to."""
    yield from {
        type(one.owner): one.methods for one in found if not isinstance(one.owner, torch.nn.Module)
    }.items()


def _found(named: dict[str, Any]) -> Found:
    found = Found()
    for name, value in named.items():
        found.add(name, value)
    return found


def _named(call: hooks.Call) -> dict[str, Any]:
    """The arguments by name; those for `*args` by position."""
    names = _parameters(call)
    positional = {
        names[number] if number < len(names) else str(number): value for number, value in enumerate(call.args)
    }
    return {**positional, **call.kwargs}


def _parameters(call: hooks.Call) -> tuple[str, ...]:
    """The names of the positional parameters, in order; for a compiled network, those of its class."""
    owner = call.owner
    if isinstance(owner, torch.nn.Module):
        function = getattr(type(owner._modules.get(_COMPILED, owner)), call.method, None)
    else:
        function = getattr(call.original, "__func__", None)
    return _parameters_of(function) if inspect.isfunction(function) else ()


@cache
def _parameters_of(method: types.FunctionType) -> tuple[str, ...]:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(method).parameters.values()
    return tuple(one.name for one in parameters if one.kind in kinds)[1:]


def _is_compiled(network: torch.nn.Module) -> bool:
    """Whether torch.compile traces the network, which must not contain listeners then."""
    return any(
        _COMPILED in module._modules or vars(module).get("_compiled_call_impl") is not None
        for module in network.modules()
    )
