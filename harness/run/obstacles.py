"""Why a worker cannot start, in a sentence with the next step, no matter which part noticed it."""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence
from dataclasses import replace

from harness.core.capture import Lost
from harness.core.messages import CannotStart
from harness.core.results.next_step import NextSteps, harness_step


def _then_check(fix: str) -> NextSteps:
    """Apply `fix`, then run the command that only starts a worker."""
    return (harness_step(f"{fix}, then check", "env"),)


_MOST_CHARACTERS = 200

_NO_ROOM = (errno.ENOMEM, errno.EAGAIN)

NO_PYTHON = Lost(
    "no worker can be started: this Python does not say where its executable is (sys.executable is empty)",
    next_steps=_then_check("run the harness with the python of its own environment"),
)


def cannot_start(reported: CannotStart, log: tuple[str, ...]) -> Lost:
    """The reason that the worker itself reported."""
    if not reported.package:
        return Lost(f"no worker can start here: {reported.message}", log, _then_check("read the log"))
    if reported.missing == reported.package:
        reason = f"{reported.package} is not installed here: {reported.message}"
    else:
        name = " ".join(filter(None, (reported.package, reported.version)))
        reason = f"{name} cannot be imported here: {reported.message}"
    if reported.missing:
        fix = _then_check(
            f"install the package that provides the module {reported.missing} for {sys.executable}"
        )
    else:
        fix = _then_check(f"fix what {sys.executable} imports as {reported.package}")
    return Lost(reason, log, fix)


def not_begun(lost: Lost) -> Lost:
    """A worker that died or hung without reporting a reason; the most informative line of its log is added."""
    words = last_words(lost.log)
    if not words:
        step = _then_check(f"make sure that memory is free and that {sys.executable} starts")
        return replace(lost, next_steps=step)
    reason = f"{lost.reason}: {words}"
    return replace(lost, reason=reason, next_steps=_then_check("fix what the log shows"))


def not_spawned(python: str, error: OSError) -> Lost:
    """The operating system refused to run `python`."""
    reason = error.strerror or str(error)
    if error.errno in _NO_ROOM:
        fix = _then_check("free memory or end other processes, or use fewer --jobs")
    elif error.errno == errno.E2BIG:
        fix = _then_check("shorten the environment variables")
    else:
        fix = _then_check("set up this Python's environment again in its present folder")
    return Lost(f"{python}: no worker can be started by this Python ({reason})", next_steps=fix)


def last_words(log: Sequence[str]) -> str:
    """The most informative line of a log: Python's fatal error, the end of a traceback, otherwise the last line."""
    fatal = next((at for at, line in enumerate(log) if line.startswith("Fatal Python error")), None)
    if fatal is not None:
        # Python explains a failure of its own start, but not a crash of native code.
        return _short(_raised(log[fatal:]) or log[fatal])
    return _short(_raised(log) or next((line for line in reversed(log) if line.strip()), ""))


def _raised(log: Sequence[str]) -> str:
    """The first line of the exception that ends the last traceback."""
    starts = [at for at, line in enumerate(log) if line.startswith("Traceback (most recent call last)")]
    after = log[starts[-1] + 1 :] if starts else ()
    return next((line for line in after if line.strip() and not line.startswith((" ", "\t"))), "")


def _short(line: str) -> str:
    text = line.strip()
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}…"
