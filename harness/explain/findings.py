"""Locate findings of the exact channel in the pipeline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.core.results.verdict import ExactFinding
from harness.golden.trace import Trace


@dataclass(frozen=True, slots=True)
class Place:
    """A failing finding on a component's structure; `module` is None for its config or the whole component."""

    component: str
    module: str | None
    finding: ExactFinding


def failing_places(trace: Trace, findings: Sequence[ExactFinding]) -> tuple[Place, ...]:
    """The places of the failing structural findings, those that name a module first.

    Findings on events are left out: the traces themselves show where they belong.
    """
    found = [place for one in findings if one.fails for place in _places(trace, one)]
    return tuple(sorted(found, key=lambda place: place.module is None))


def _places(trace: Trace, finding: ExactFinding) -> Iterator[Place]:
    name = finding.what.partition(" ")[0]
    if any(name.startswith(f"{signature.name}.") for signature in trace.index.signatures):
        return
    for component in sorted(trace.structure.components, key=len, reverse=True):
        if name == component or name.startswith(f"{component}."):
            yield Place(component, _module(trace, component, name[len(component) + 1 :]), finding)
            return


def _module(trace: Trace, component: str, rest: str) -> str | None:
    """The longest module path that is a prefix of `rest`, a path followed by an attribute."""
    modules = trace.structure.components[component].modules
    parts = rest.split(".")
    for count in range(len(parts), 0, -1):
        if (path := ".".join(parts[:count])) in modules:
            return path
    return None
