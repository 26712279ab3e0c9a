"""What a run left behind in its process: settings, and replaced code of libraries."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from harness.worker.environment import determinism
from harness.worker.environment.classes import OWN
from harness.worker.state import imports, settings
from harness.worker.state.code import Replaced, code_of_process
from harness.worker.state.reachable import Walk
from harness.worker.state.settings import Settings
from harness.worker.state.watch import Watch

_SHOWN = 8


class Leftovers:
    """Watches all runs of one process.

    `spent` is true once a run left something behind: the process must serve no other run.
    """

    def __init__(self) -> None:
        self.spent = False
        self._code = code_of_process()
        self._switches = determinism.read_back()
        self._before: dict[str, object] = {}
        self._importing: Settings = {}
        self._own: dict[str, Watch] = {}
        self._gradients = self._asked = False

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Around one run, from before its pipeline is loaded; runs that end early are checked too."""
        self._switches, self._before = determinism.read_back(), dict(settings.read())
        self._gradients = self._asked = False
        try:
            with imports.noticed(self._import_begun, self._import_ended, self._own_imported):
                yield
        finally:
            if not self._asked:
                self.found(thorough=True)

    def inside(self) -> None:
        """To be called when the pipeline has returned, before the settings around its call are undone."""
        self._gradients = torch.is_grad_enabled()

    def found(self, *, thorough: bool) -> tuple[str, ...]:
        """What the run left behind, one sentence each.

        It looks for replaced code only if `thorough`, which is unnecessary if only diffusers' own code has run.
        """
        self._asked = True
        switched = determinism.changed(self._switches, determinism.read_back())
        changed = settings.changed(self._before, settings.read())
        if self._gradients:
            changed = (
                "torch: grad mode: the run changed it from False to True and did not restore it",
                *changed,
            )
        replaced = tuple(self._code.changes()) if thorough else ()
        kept = tuple(self._kept_by_own_modules()) if thorough else ()
        self.spent = self.spent or bool(switched or changed or replaced or kept)
        for one in replaced[:_SHOWN]:
            print(f"left behind by the run: another {one.where}", file=sys.stderr)
        return (*switched, *changed, *_sentences(replaced), *kept)

    def _import_begun(self) -> None:
        self._importing = settings.read_soft()

    def _import_ended(self, names: list[str]) -> None:
        """Ignore what a library sets up when it is imported: any other run would import it too."""
        after = settings.read_soft()
        for name in {**self._importing, **after}:
            was, became = self._importing.get(name), after.get(name)
            if was != became and self._before.get(name) == was:
                self._before[name] = became
        self._code.add(names)

    def _own_imported(self, name: str) -> None:
        """Watch the user's own modules, which stay imported with their state, unlike a pipeline's own file."""
        if not name.startswith(OWN):
            self._own[name] = _watch(name)

    def _kept_by_own_modules(self) -> Iterator[str]:
        for name, watch in list(self._own.items()):
            left = [one.where for one in watch.changes(thorough=True) if not one.undone]
            if left:
                self._own[name] = _watch(name)
            yield from (f"{where}: the run changed it and did not restore it" for where in left[:_SHOWN])


def _watch(name: str) -> Watch:
    walk = Walk((), lambda kind: kind.__module__ == name)
    walk.through(name, vars(sys.modules[name]))
    return Watch(walk.finish())


def _sentences(replaced: tuple[Replaced, ...]) -> Iterator[str]:
    code = [one.where for one in replaced if one.runs]
    for where in code[:_SHOWN]:
        yield f"{where}: the run replaced it and did not restore it"
    if len(code) > _SHOWN:
        yield f"{len(code) - _SHOWN} more functions and classes: the run replaced them and did not restore them"
