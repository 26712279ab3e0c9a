"""Calls are checked before anything starts, but for those of cases that worked once."""

from __future__ import annotations

import numpy as np
import pytest

from harness.core.case import Case
from harness.errors import ConfigError, Problem, UnreadableGolden
from harness.golden.store import GoldenStore
from harness.invocation.options import Options
from harness.report.terminal import Screen
from harness.trials import cases as module
from harness.trials.cases import cases_to_run
from tests.core.samples import case
from tests.golden.builders import ACCEPTED, write_capture

OUTPUT = {"images": np.float32([0.5, 0.25])}
SCREEN = Screen(quiet=True)


@pytest.fixture
def selected(monkeypatch: pytest.MonkeyPatch) -> tuple[Case, ...]:
    """Two cases, of which `bad` has a call that its pipeline does not take."""
    found = (case(id="good"), case(id="bad", steps=7))

    def check_calls(given: list[Case]) -> None:
        if any(one.id == "bad" for one in given):
            raise ConfigError([Problem("configs/bad.yaml", "call.promt", None, "no such argument")])

    monkeypatch.setattr(module, "selected_cases", lambda *_, **__: found)
    monkeypatch.setattr(module, "check_calls", check_calls)
    return found


@pytest.mark.parametrize("with_store", [False, True])
def test_a_call_that_never_worked_ends_the_command(selected, with_store, tmp_path) -> None:
    store = GoldenStore(tmp_path) if with_store else None
    with pytest.raises(ConfigError):
        cases_to_run(Options(), SCREEN, store)


def test_a_call_that_worked_once_is_for_the_run_to_judge(selected, tmp_path) -> None:
    write_capture(tmp_path / "bad/cpu-x86_64.safetensors", OUTPUT, case=selected[1], accepted=ACCEPTED)
    assert cases_to_run(Options(), SCREEN, GoldenStore(tmp_path)) == selected


def test_a_golden_of_another_definition_proves_nothing(selected, tmp_path) -> None:
    write_capture(
        tmp_path / "bad/cpu-x86_64.safetensors", OUTPUT, case=case(id="bad", steps=8), accepted=ACCEPTED
    )
    with pytest.raises(ConfigError):
        cases_to_run(Options(), SCREEN, GoldenStore(tmp_path))


def test_a_golden_that_cannot_be_read_has_an_error_of_its_own_later(selected, tmp_path) -> None:
    golden = tmp_path / "bad/cpu-x86_64.safetensors"
    golden.parent.mkdir()
    golden.write_bytes(b"")
    with pytest.raises(UnreadableGolden):
        GoldenStore(tmp_path).document(golden)
    assert cases_to_run(Options(), SCREEN, GoldenStore(tmp_path)) == selected
