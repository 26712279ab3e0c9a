"""Whoever notices that a worker cannot begin, it becomes one sentence with a next step."""

from __future__ import annotations

import errno
import os

import pytest

from harness.core.capture import Lost
from harness.core.messages import CannotStart
from harness.report.reason_words import step_words
from harness.run.obstacles import cannot_start, last_words, not_begun, not_spawned


@pytest.mark.parametrize(
    ("told", "reason", "step"),
    [
        (
            CannotStart("diffusers", "0.36.0", "No module named 'httpx'", "httpx"),
            "diffusers 0.36.0 cannot be imported here: No module named 'httpx'",
            "install the package that provides the module httpx for ",
        ),
        (
            CannotStart("diffusers", "", "No module named 'diffusers'", "diffusers"),
            "diffusers is not installed here: No module named 'diffusers'",
            "install the package that provides the module diffusers for ",
        ),
        (
            CannotStart("torch", "", "OSError: libcudart.so.12: cannot open"),
            "torch cannot be imported here: OSError: libcudart.so.12: cannot open",
            "fix what ",
        ),
        (CannotStart("", "", "RuntimeError: x"), "no worker can start here: RuntimeError: x", "read the log"),
    ],
)
def test_what_a_worker_says_itself(told: CannotStart, reason: str, step: str) -> None:
    lost = cannot_start(told, ("a log",))
    assert (lost.reason, lost.log) == (reason, ("a log",))
    assert step_words(lost.next_steps).startswith(step)
    assert step_words(lost.next_steps).endswith(": harness env")


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ((), ""),
        (("no libcuda here", "  "), "no libcuda here"),
        (
            (
                "Traceback (most recent call last):",
                '  File "a.py", line 1, in <module>',
                "    import b",
                "ImportError: tokenizers>=0.22 is required",
                "Try: pip install transformers -U",
            ),
            "ImportError: tokenizers>=0.22 is required",
        ),
        (
            (
                "Traceback (most recent call last):",
                "KeyError: 1",
                "Fatal Python error: Segmentation fault",
                "Current thread 0x1 (most recent call first):",
                '  File "a.py", line 1 in f',
            ),
            "Fatal Python error: Segmentation fault",
        ),
        (
            (
                "Fatal Python error: init_import_site: Failed to import the site module",
                "Traceback (most recent call last):",
                '  File "sitecustomize.py", line 1, in <module>',
                "SystemExit: no licence",
            ),
            "SystemExit: no licence",
        ),
        (("x" * 1000,), "x" * 199 + "…"),
    ],
)
def test_the_words_of_a_log_that_say_most(log: tuple[str, ...], words: str) -> None:
    assert last_words(log) == words


def test_a_death_without_a_word_keeps_its_log() -> None:
    lost = not_begun(Lost("the worker exited with code 9 while starting", ("no libcuda here",)))
    assert lost.reason == "the worker exited with code 9 while starting: no libcuda here"
    assert lost.log == ("no libcuda here",)


def test_a_death_that_left_no_log_sends_nobody_to_the_log() -> None:
    lost = not_begun(Lost("the worker was killed by SIGKILL while starting"))
    assert lost.reason == "the worker was killed by SIGKILL while starting"
    assert lost.next_steps
    assert "log" not in step_words(lost.next_steps)
    assert step_words(lost.next_steps).startswith("make sure that memory is free")


@pytest.mark.parametrize(
    ("code", "step"),
    [
        (errno.ENOENT, "set up this Python's environment again"),
        (errno.EACCES, "set up this Python's environment again"),
        (errno.ENOMEM, "free memory or end other processes"),
        (errno.EAGAIN, "free memory or end other processes"),
        (errno.E2BIG, "shorten the environment variables"),
    ],
)
def test_what_the_operating_system_refuses(code: int, step: str) -> None:
    lost = not_spawned("/old/bin/python", OSError(code, os.strerror(code)))
    assert lost.reason == f"/old/bin/python: no worker can be started by this Python ({os.strerror(code)})"
    assert step_words(lost.next_steps).startswith(step)
