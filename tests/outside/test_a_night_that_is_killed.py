"""A night that is killed while it tells somebody is told again by the next one, as the same message, and only then."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.messengers import Got, Messenger, messenger
from tests.support.project import ROOT, Project

WORDS = ("nightly", "--device", "cpu", "--jobs", "1", "--notify", "webhook", "--always", "--quiet")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one case and its golden."""
    project = Project(tmp_path_factory.mktemp("recorded"))
    project.config("two")
    assert project.harness("record", "--device", "cpu", "--jobs", "1").code == 0
    return project.folder


@pytest.fixture
def folder(recorded: Path, tmp_path: Path) -> Path:
    return shutil.copytree(recorded, tmp_path / "project")


def started(folder: Path, address: str) -> subprocess.Popen[bytes]:
    variables = {**os.environ, "HARNESS_WEBHOOK": address, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-m", "harness", *WORDS],
        cwd=folder,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_the_next_night_finishes_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with messenger() as chat:
        night = started(folder, chat.address)

        def kill(self: Messenger, one: Got) -> object:
            os.kill(night.pid, signal.SIGKILL)
            return "ok"

        with monkeypatch.context() as patched:
            patched.setattr(Messenger, "answer", kill)
            assert night.wait() == -signal.SIGKILL
        (first,) = chat.got
        again = started(folder, chat.address)
        out, err = again.communicate()
        assert (again.returncode, len(chat.got)) == (0, 3), (out, err)
    keys = [one.body["key"] for one in chat.got]
    assert keys[:2] == [first.body["key"]] * 2
    assert len(set(keys)) == 2
    folders = sorted(folder.glob("nightly/2*"))
    assert [(one / "exit-code").read_text() for one in folders] == ["0\n"] * 2
    with sqlite3.connect(folder / "nightly/history.sqlite") as history:
        assert history.execute("SELECT count(*) FROM nights").fetchone() == (2,)
        assert history.execute("SELECT count(*) FROM told WHERE what = 'told'").fetchone() == (2,)


def test_two_nights_at_once_share_a_history(folder: Path) -> None:
    with messenger() as chat:
        both = [started(folder, chat.address) for _ in range(2)]
        ended = [(night.communicate(), night.returncode) for night in both]
    assert [code for _, code in ended] == [0, 0], ended
    assert len({one.body["key"] for one in chat.got}) == len(chat.got) == 2
    assert len(list(folder.glob("nightly/2*/news.json"))) == 2
    with sqlite3.connect(folder / "nightly/history.sqlite") as history:
        assert history.execute("SELECT count(*) FROM nights").fetchone() == (2,)
