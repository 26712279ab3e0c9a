"""Warnings of libraries are heard whoever gives them, each once, whatever was said before in this process."""

from __future__ import annotations

import importlib
import logging
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers.utils import deprecate
from transformers.utils import logging as transformers_logging

from harness.worker import heard
from harness.worker.heard import Heard, forget_in, listening

LOGGER = transformers_logging.get_logger("transformers.of_a_test")


def heard_of(*calls: object) -> tuple[str, ...]:
    said = Heard()
    with listening(said):
        for call in calls:
            call()  # type: ignore[operator]
    return said.sentences()


def test_everyone_is_heard_each_thing_once_and_in_order() -> None:
    def all_of_them() -> None:
        for _ in range(3):
            LOGGER.warning("an argument is ignored")
            logging.getLogger("diffusers.pipelines.x").warning("the prompt was %s", "cut off")
            logging.getLogger("peft").error("an adapter is missing")
            logging.getLogger("somebody.else").warning("hello")
            logging.getLogger("diffusers").info("not this")
            warnings.warn("a value is odd", stacklevel=1)
            warnings.warn("inside out", RuntimeWarning, stacklevel=1)

    assert heard_of(all_of_them) == (
        "transformers: an argument is ignored",
        "diffusers: the prompt was cut off",
        "peft: an adapter is missing",
        "somebody: hello",
        "test_heard: a value is odd",
        "test_heard: RuntimeWarning: inside out",
    )


def test_deprecation_is_heard_where_a_value_of_this_run_was_replaced() -> None:
    def announced() -> None:
        deprecate("old name", "99.0.0", "Use the new name.")

    def acted() -> None:
        deprecate(
            "old", "99.0.0", "the output_type x is outdated and has been set to `np`", standard_warn=False
        )

    (told,) = heard_of(announced, acted)
    assert told.endswith("FutureWarning: the output_type x is outdated and has been set to `np`")


@pytest.mark.parametrize(
    "say",
    [
        lambda: LOGGER.warning_once("said once"),
        lambda: warnings.warn("said once", stacklevel=1),
        # A warning that torch's own code gives once in a process.
        lambda: torch.from_numpy(np.frombuffer(b"1234", np.uint8)),
    ],
    ids=["warning_once", "warnings", "torch"],
)
def test_what_was_said_before_is_said_again(say: object) -> None:
    first, second = heard_of(say), heard_of(say)
    assert first == second
    assert len(first) == 1


def test_parts_that_remember_what_they_said_forget_it() -> None:
    class Part:
        def __init__(self) -> None:
            self.deprecation_warnings = {"too-long": True}
            self.warnings_issued = {"estimate": True}

    part = Part()
    forget_in([part, None, 3, object()])
    assert (part.deprecation_warnings, part.warnings_issued) == ({}, {})


def test_what_a_module_says_as_it_is_imported_is_not_the_cases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "import logging, warnings\nlogging.getLogger('diffusers').warning('a')\nwarnings.warn('b')\n"
    (tmp_path / "imported_by_a_test.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "imported_by_a_test", raising=False)
    assert heard_of(lambda: importlib.import_module("imported_by_a_test")) == ()


def test_the_log_still_has_everything_warnings_once(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(warnings, "showwarning", lambda message, *_: shown.append(str(message)))

    def noise() -> None:
        for _ in range(2):
            warnings.warn("old", FutureWarning, stacklevel=1)
        logging.getLogger("of.nobody").warning("unhandled")

    handlers = logging.getLogger().handlers[:]
    logging.getLogger().handlers.clear()  # pytest's own
    try:
        assert heard_of(noise) == ("of: unhandled",)
    finally:
        logging.getLogger().handlers[:] = handlers
    assert shown == ["old"]
    assert "unhandled" in capfd.readouterr().err


def test_a_verbosity_of_the_caller_is_about_the_log() -> None:
    logger = logging.getLogger("diffusers")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        assert heard_of(lambda: logging.getLogger("diffusers.x").warning("cut off")) == (
            "diffusers: cut off",
        )
        assert logger.level == logging.CRITICAL
    finally:
        logger.setLevel(level)


def test_the_inner_one_alone_hears_and_everything_is_as_it_was() -> None:
    filters, show, root = list(warnings.filters), warnings.showwarning, list(logging.getLogger().handlers)
    outer, inner = Heard(), Heard()

    def run() -> None:
        with listening(outer):
            LOGGER.warning("before")
            with listening(inner):
                LOGGER.warning("inside")
            LOGGER.warning("after")
            raise KeyError

    with pytest.raises(KeyError):
        run()
    assert outer.sentences() == ("transformers: before", "transformers: after")
    assert inner.sentences() == ("transformers: inside",)
    assert (list(warnings.filters), warnings.showwarning) == (filters, show)
    assert list(logging.getLogger().handlers) == root
    assert not torch.is_warn_always_enabled()
    LOGGER.warning("nobody listens")


def test_a_message_that_does_not_fit_its_arguments_is_heard_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest's own do not let it pass
    monkeypatch.setattr(logging, "raiseExceptions", False)
    assert heard_of(lambda: logging.getLogger("peft").warning("%d of %s", "x")) == ("peft: %d of %s",)


def test_one_that_heard_the_same_as_the_outer_one_is_not_taken_for_it() -> None:
    outer = Heard()
    with listening(outer):
        LOGGER.warning("x")
        with listening(Heard()):
            LOGGER.warning("x")
        LOGGER.warning("y")
    assert outer.sentences() == ("transformers: x", "transformers: y")


def test_filters_that_a_run_leaves_behind_stay_to_be_found() -> None:
    before = list(warnings.filters)
    added = ("ignore", None, BytesWarning, None, 77)
    try:
        heard_of(lambda: warnings.filters.insert(0, added))
        assert list(warnings.filters) == [added, *before]
    finally:
        warnings.filters[:] = before


def test_of_very_many_the_first_are_kept_and_the_others_counted() -> None:
    said = heard_of(lambda: [LOGGER.warning(f"warning {number}") for number in range(heard.MOST + 7)])
    assert len(said) == heard.MOST + 1
    assert said[-1] == "and 7 more warnings, all in the worker's log"
