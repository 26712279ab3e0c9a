"""What keeps a worker from beginning, in a sentence with the next step, whoever noticed it."""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence
from dataclasses import replace

from harness.core.capture import Lost
from harness.core.messages import CannotStart
from harness.core.results.next_step import NextSteps, harness_step


def _then_check(fix: str) -> NextSteps:
    """Do `fix`, then run the command that starts a worker and nothing else."""
    return (harness_step(f"{fix}, then check", "env"),)


_MOST_CHARACTERS = 200

_NO_ROOM = (errno.ENOMEM, errno.EAGAIN)

NO_PYTHON = Lost(
    "no worker can be started: this Python does not say where its executable lies (sys.executable is empty)",
    next_steps=_then_check("run the harness by the python of its own environment"),
)


def cannot_start(told: CannotStart, log: tuple[str, ...]) -> Lost:
    """What the worker itself says of its start."""
    if not told.package:
        return Lost(f"no worker can begin here: {told.message}", log, _then_check("read the log"))
    if told.missing == told.package:
        reason = f"{told.package} is not installed here: {told.message}"
    else:
        name = " ".join(filter(None, (told.package, told.version)))
        reason = f"{name} cannot be imported here: {told.message}"
    if told.missing:
        fix = _then_check(f"install what provides the module {told.missing} for {sys.executable}")
    else:
        fix = _then_check(f"fix what {sys.executable} imports as {told.package}")
    return Lost(reason, log, fix)


def not_begun(lost: Lost) -> Lost:
    """A worker that died or hung without a word of its own: the last telling words of its log go with it."""
    words = last_words(lost.log)
    if not words:
        step = _then_check(f"see that memory is free and that {sys.executable} starts")
        return replace(lost, next_steps=step)
    reason = f"{lost.reason}: {words}"
    return replace(lost, reason=reason, next_steps=_then_check("fix what the log shows"))


def not_spawned(python: str, error: OSError) -> Lost:
    """The operating system would not run `python`."""
    reason = error.strerror or str(error)
    if error.errno in _NO_ROOM:
        fix = _then_check("make room for another process, or use fewer --jobs")
    elif error.errno == errno.E2BIG:
        fix = _then_check("make the environment variables smaller")
    else:
        fix = _then_check("set up this Python's environment again where it lies now")
    return Lost(f"{python}: no worker can be started by this Python ({reason})", next_steps=fix)


def last_words(log: Sequence[str]) -> str:
    """The line of a log that says most: a fatal error of Python's, the end of a traceback, else the last one."""
    fatal = next((at for at, line in enumerate(log) if line.startswith("Fatal Python error")), None)
    if fatal is not None:
        # Python says why it gives up as it starts, but not why native code crashed.
        return _short(_raised(log[fatal:]) or log[fatal])
    return _short(_raised(log) or next((line for line in reversed(log) if line.strip()), ""))


def _raised(log: Sequence[str]) -> str:
    """The first line of the exception with which the last traceback ends."""
    starts = [at for at, line in enumerate(log) if line.startswith("Traceback (most recent call last)")]
    after = log[starts[-1] + 1 :] if starts else ()
    return next((line for line in after if line.strip() and not line.startswith((" ", "\t"))), "")


def _short(line: str) -> str:
    told = line.strip()
    return told if len(told) <= _MOST_CHARACTERS else f"{told[: _MOST_CHARACTERS - 1]}…"
