"""Report the pipeline's own progress bars to the parent instead of drawing them."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from tqdm import tqdm

Report = Callable[[int, int], None]
"""Called with the step done and the total (0 when unknown)."""

# Releases before 0.35 do not have the second.
_BARS_IN = ("diffusers.pipelines.pipeline_utils", "diffusers.modular_pipelines.modular_pipeline")
_SECONDS_BETWEEN_REPORTS = 0.05


@contextmanager
def reported(report: Report) -> Iterator[None]:
    """While open, progress bars of pipelines call `report` and draw nothing."""
    bar = _bar_class(report)
    modules = [importlib.import_module(name) for name in _BARS_IN if _exists(name)]
    before = [module.__dict__["tqdm"] for module in modules]
    for module in modules:
        module.__dict__["tqdm"] = bar
    try:
        yield
    finally:
        for module, original in zip(modules, before, strict=True):
            module.__dict__["tqdm"] = original


def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # nor its parent
        return False


def draw_no_bars() -> None:
    """Turn off the bars that libraries draw while loading, which would bury the log's last lines."""
    for library in ("diffusers", "transformers"):
        importlib.import_module(f"{library}.utils.logging").disable_progress_bar()


def _bar_class(report: Report) -> type:
    class ReportingBar(tqdm):  # type: ignore[type-arg]
        """A tqdm that reports its position."""

        _sent = 0.0

        def __init__(self, *args: object, **kwargs: object) -> None:
            # A disabled bar draws nothing and starts no thread; the code below counts by itself.
            super().__init__(*args, **{**kwargs, "disable": True})  # type: ignore[call-overload]

        def __iter__(self) -> Iterator[object]:
            for item in self.iterable:
                yield item
                self.update(1)

        def update(self, n: float | None = 1) -> bool | None:
            self.n += n or 0
            now, last = time.monotonic(), self.total is not None and self.n >= self.total
            if last or now - self._sent >= _SECONDS_BETWEEN_REPORTS:
                self._sent = now
                report(int(self.n), int(self.total or 0))
            return None

    return ReportingBar
