"""Collect the warnings of libraries while a pipeline is loaded or run, whatever ran before in this process."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import TextIO

import torch

from harness.worker.noise import in_brief, is_noise

MOST = 20
"""How many warnings of one load or run are kept; the rest are counted."""

# Their loggers may not propagate to the root logger, so each one gets its own handler.
_LIBRARIES = ("accelerate", "diffusers", "huggingface_hub", "peft", "transformers")

_ONCE = ("warning_once", "info_once")

_ALREADY_GIVEN = ("deprecation_warnings", "warnings_issued")
"""Attributes of tokenizers and models that remember which warnings they have given."""


@dataclass(slots=True, eq=False)
class Heard:
    """The warnings in order, each once."""

    _texts: dict[str, None] = field(default_factory=dict)

    def add(self, library: str, text: str) -> None:
        """Store a warning, unless it is known noise."""
        if not is_noise(library, text):
            self._texts[in_brief(f"{library}: {text}")] = None

    def sentences(self) -> tuple[str, ...]:
        """The first warnings, and how many more there are."""
        texts = tuple(self._texts)
        more = len(texts) - MOST
        return (*texts[:MOST], f"and {more} more warnings, all in the worker's log") if more > 0 else texts


_open: list[Heard] = []
"""The open collectors, the innermost last; only that one collects."""


@contextmanager
def listening(heard: Heard) -> Iterator[None]:
    """While open, `heard` collects the warnings of Python and the libraries' loggers, which also go to the log.

    Warnings that were already given in this process are given again. If collectors are nested, only the innermost
    one collects.
    """
    _forget_given_once()
    _open.append(heard)
    always = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    try:
        with _everything_shown(), _attached():
            yield
    finally:
        torch.set_warn_always(always)
        _open.pop()


@contextmanager
def _everything_shown() -> Iterator[None]:
    """While open, show every warning; keep the filters that others add or remove, for the check of leftovers."""
    with warnings.catch_warnings():
        # `default` would drop warnings that the same line gave in an earlier run.
        warnings.simplefilter("always")
        warnings.showwarning = _Shown(warnings.showwarning)
        before = list(warnings.filters)
        try:
            yield
        finally:
            after = list(warnings.filters)
    added, gone = (
        [one for one in ours if one not in theirs] for ours, theirs in ((after, before), (before, after))
    )
    if added or gone:
        warnings.filters[:] = [*added, *(one for one in warnings.filters if one not in gone)]  # type: ignore[index]


class _Shown:
    """Stores a Python warning and writes it to the log, once."""

    def __init__(self, show: object) -> None:
        self._show = show
        self._seen = set[tuple[str, str, int]]()

    def __call__(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if _open and not _while_importing(sys._getframe(1)):
            _open[-1].add(_library_of(filename), in_words(str(message), category))
        key = (str(message), filename, lineno)
        if key not in self._seen:
            self._seen.add(key)
            self._show(message, category, filename, lineno, file, line)  # type: ignore[operator]


def in_words(text: str, category: type[Warning]) -> str:
    """The warning with its category, except for the generic one."""
    return text if category is UserWarning else f"{category.__name__}: {text}"


class _Listener(logging.Handler):
    """Stores a logger's records from WARNING on; several handlers store a record once."""

    def emit(self, record: logging.LogRecord) -> None:
        if _open and not getattr(record, "_heard", False):
            record._heard = True
            if not _while_importing(sys._getframe(1)):
                _open[-1].add(record.name.partition(".")[0], _message(record))


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:
        # A message that does not fit its arguments must not fail a run; logging itself ignores it too.
        return str(record.msg)


@contextmanager
def _attached() -> Iterator[None]:
    root = logging.getLogger()
    loggers = [root, *(logging.getLogger(name) for name in _LIBRARIES)]
    listener, lowered = _Listener(logging.WARNING), dict[logging.Logger, int]()
    # Unhandled records go to standard error; this handler must not stop that.
    spare = [logging.lastResort] if not root.handlers and logging.lastResort else []
    for logger in loggers:
        # The caller's verbosity applies to the log only.
        if logger.getEffectiveLevel() > logging.WARNING:
            lowered[logger] = logger.level
            logger.setLevel(logging.WARNING)
        logger.addHandler(listener)
    for handler in spare:
        root.addHandler(handler)
    try:
        yield
    finally:
        for handler in (listener, *spare):
            root.removeHandler(handler)
        for logger in loggers:
            logger.removeHandler(listener)
            # A level that the run set stays, for the check of leftovers.
            if logger in lowered and logger.level == logging.WARNING:
                logger.setLevel(lowered[logger])


def forget_in(parts: Iterable[object]) -> None:
    """Let the components of a pipeline that was used before give their warnings again."""
    for part in parts:
        for name in _ALREADY_GIVEN:
            given = getattr(part, "__dict__", {}).get(name)
            if isinstance(given, dict):
                given.clear()


def _forget_given_once() -> None:
    """Let libraries repeat the messages that they give once per process."""
    adapter = getattr(sys.modules.get("accelerate.logging"), "MultiProcessAdapter", None)
    inside = sys.modules.get("torch._logging._internal")
    for holder in (logging.Logger, adapter, inside):
        for name in _ONCE:
            clear = getattr(getattr(holder, name, None), "cache_clear", None)
            if clear is not None:
                clear()


def _while_importing(frame: FrameType | None) -> bool:
    """Whether a module is being imported, which happens only once per process, in whichever case comes first."""
    while frame is not None:
        if frame.f_code.co_name == "_find_and_load_unlocked":
            return True
        if frame.f_globals.get("__name__") == "harness.worker.execute":
            return False
        frame = frame.f_back
    return False


def _library_of(filename: str) -> str:
    """The import name of a file's package; the file's name if it belongs to the project."""
    own = os.getcwd()
    for folder in sorted((folder for folder in sys.path if folder not in ("", own)), key=len, reverse=True):
        if filename.startswith(f"{folder}/"):
            return filename[len(folder) + 1 :].partition("/")[0].removesuffix(".py")
    return filename.rpartition("/")[2].removesuffix(".py") or "python"
