"""The options that nobody stated are those of the command line's contract."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from harness.core.results.recording import Flags
from harness.invocation.options import Options, RepeatOptions, VerifyOptions, named_out


def test_what_is_not_stated_is_as_the_contract_says() -> None:
    options = Options()
    assert (options.configs, options.goldens, options.out) == (Path("configs"), Path("goldens"), Path("out"))
    assert (options.device, options.select, options.json, options.quiet) == ("auto", (), None, False)
    assert RepeatOptions() == RepeatOptions(3, reuse=False, flags=(Flags.ON,))
    assert VerifyOptions() == VerifyOptions(None, allow_missing=False, strict=False, forced=False)


def test_options_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Options().device = "cpu"  # type: ignore[misc]


def test_commands_name_the_folder_only_if_it_is_another_one() -> None:
    assert named_out(Options()) == ""
    assert named_out(Options(out=Path("elsewhere"))) == "elsewhere"
