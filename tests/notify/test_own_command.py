from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from harness.notify.channel import NotSent
from harness.notify.own_command import OwnCommand
from tests.notify.samples import MESSAGE, Memory

KEEPS = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(sys.stdin.read())"


def test_the_program_gets_the_message_as_json(tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    OwnCommand((sys.executable, "-c", KEEPS, str(kept))).send(MESSAGE, Memory())
    found = json.loads(kept.read_text())
    assert (found["schema"], found["key"], found["title"]) == (1, "night-key", MESSAGE.title)
    assert found["news"][0]["cases"] == ["sd/a", "sd/b"]


def test_a_program_that_fails_is_tried_again(tmp_path: Path, pauses: list[float]) -> None:
    with pytest.raises(NotSent, match=r"^command:.*: ended with 7$"):
        OwnCommand((sys.executable, "-c", "raise SystemExit(7)")).send(MESSAGE, Memory())
    assert len(pauses) == 3


def test_a_program_that_is_not_there_is_named_without_its_arguments(pauses: list[float]) -> None:
    with pytest.raises(NotSent) as raised:
        OwnCommand(("no-such-program", "--token", "s3cr3t")).send(MESSAGE, Memory())
    assert str(raised.value) == "command:no-such-program: cannot be started (No such file or directory)"
    assert pauses == []


def test_a_program_that_does_not_end_is_given_up(
    monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    monkeypatch.setattr("harness.notify.own_command.TIMEOUT", 0.1)
    with pytest.raises(NotSent, match="did not end within 0 s"):
        OwnCommand((sys.executable, "-c", "import time; time.sleep(30)")).send(MESSAGE, Memory())
