"""`--json`, `--junit` and `--markdown` write through what is no regular file, and replace what is one."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest

from harness.cli import main
from harness.report.json_report import verify_json
from tests.report.samples import PASSING
from tests.support.devices import NULL, device
from tests.support.project import TWO_STEPS


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with one case and a report of a verify."""
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "one.yaml").write_text(TWO_STEPS)
    (tmp_path / "goldens").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "report.json").write_text(verify_json(PASSING))
    monkeypatch.chdir(tmp_path)
    return tmp_path


DOCUMENTS = {
    "--json": (("list",), '{\n  "schema"'),
    "--junit": (("report",), "<?xml"),
    "--markdown": (("report",), "#"),
}


@pytest.mark.parametrize("option", DOCUMENTS)
def test_a_device_stays_one(folder: Path, option: str) -> None:
    words, _ = DOCUMENTS[option]
    null = device(folder / "null", NULL)
    (folder / "link").symlink_to("null")
    for target in ("null", "link"):
        assert main([*words, option, target, "--quiet"]) == 0
    assert stat.S_ISCHR(null.stat().st_mode)
    assert (folder / "link").is_symlink()


@pytest.mark.parametrize("option", DOCUMENTS)
def test_a_fifo_hands_the_document_to_its_reader(folder: Path, option: str) -> None:
    words, start = DOCUMENTS[option]
    os.mkfifo("fifo")
    read = list[str]()
    # A daemon, and not joined without end: where the FIFO was replaced, nobody ever writes to it.
    reader = threading.Thread(target=lambda: read.append(Path("fifo").read_text()), daemon=True)
    reader.start()
    assert main([*words, option, "fifo", "--quiet"]) == 0
    assert stat.S_ISFIFO(os.stat("fifo").st_mode)
    reader.join(60)
    assert read[0].startswith(start)


@pytest.mark.parametrize("option", DOCUMENTS)
def test_a_link_stays_one_and_its_target_is_replaced(folder: Path, option: str) -> None:
    words, start = DOCUMENTS[option]
    (folder / "real").write_text("old")
    (folder / "real").chmod(0o640)
    (folder / "link").symlink_to("real")
    assert main([*words, option, "link", "--quiet"]) == 0
    assert (folder / "link").is_symlink()
    assert (folder / "real").read_text().startswith(start)
    assert stat.S_IMODE((folder / "real").stat().st_mode) == 0o640


@pytest.mark.parametrize("option", DOCUMENTS)
def test_a_folder_is_refused_before_anything_is_done(
    folder: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words, _ = DOCUMENTS[option]
    for target in ("configs", "configs/one.yaml/report"):
        assert main([*words, option, target]) == 2
        shown = capsys.readouterr()
        assert shown.out == ""
        assert shown.err.startswith(f"error: {target}: cannot be written (")
        assert shown.err.endswith("; name a file\n")


def test_standard_output_by_its_other_names_holds_the_json_alone(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "stdout").symlink_to("/proc/self/fd/1")  # as /dev/stdout is
    for name in ("-", "stdout", "/dev/fd/1", "/proc/self/fd/1"):
        assert main(["list", "--json", name]) == 0
        assert json.loads(capfd.readouterr().out)["cases"][0]["case"] == "one"


def test_two_documents_never_share_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "link.md").symlink_to("report.xml")
    for second in ("report.xml", "./report.xml", "link.md"):
        assert main(["report", "--junit", "report.xml", "--markdown", second]) == 2
        assert "named twice; give each document a file of its own" in capsys.readouterr().err
    assert not (folder / "report.xml").exists()
    device(folder / "null", NULL)
    assert main(["report", "--junit", "null", "--markdown", "null", "--quiet"]) == 0


def test_a_target_is_checked_before_a_long_run_and_left_as_it_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def must_not_run(*_: object, **__: object) -> None:
        raise AssertionError("the run began")

    monkeypatch.setattr("harness.commands.verify.verify", must_not_run)
    (folder / "kept.json").write_text("old")
    for words in (["--json", "configs"], ["--json", "kept.json", "--junit", "out"], ["--json", "new/"]):
        assert main(["verify", *words]) == 2
    assert main(["verify", "--json", "/proc/nowhere/report.json"]) == 3
    assert (folder / "kept.json").read_text() == "old"
    assert not (folder / "new").exists()
