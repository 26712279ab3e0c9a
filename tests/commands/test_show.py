"""Pictures for people, over the real command line: `show`, `report --pictures` and `list --pictures`."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.golden.builders import a_case, write_capture
from tests.support.project import ROOT, Project

GOLDEN = Path("goldens/ddim/two")
CAPTURE = Path("out/captures/ddim/two/capture.safetensors")


@pytest.fixture
def run(project: Project) -> Project:
    """The recorded project with a last run that differs from the golden by noise."""
    (project.folder / "configs/unseeded.yaml").unlink()
    shutil.rmtree(project.folder / "out")
    (project.folder / CAPTURE).parent.mkdir(parents=True)
    images = np.random.default_rng(0).random((1, 16, 16, 1), np.float32)
    write_capture(project.folder / CAPTURE, {"images": images}, case=a_case("ddim/two"))
    return project


def test_golden_run_and_difference_are_written_and_named(run: Project) -> None:
    ran = run.harness("show", "ddim/two", "--json", "j.json")
    assert (ran.code, ran.err) == (0, "")
    [case] = json.loads((run.folder / "j.json").read_text())["cases"]
    [output] = case["outputs"]
    names = [Path(file).name for file in output["files"]]
    assert {"images-golden.png", "images-now.png", "images-x1.png", "images-compared.png"} <= set(names)
    for file in output["files"]:
        assert f"    {file}\n" in ran.out
        assert file.startswith("out/pictures/ddim/two/")
        assert Image.open(run.folder / file).format == "PNG"
    assert "\x1b" not in ran.out


def test_a_golden_alone_is_shown_and_nothing_at_all_is_told(run: Project) -> None:
    shutil.rmtree(run.folder / "out")
    ran = run.harness("show", "ddim/*", "--out", "other")
    assert ran.code == 0, ran.err
    assert "now: no run here" in ran.out
    assert (run.folder / "other/pictures/ddim/two/images-golden.png").is_file()
    shutil.rmtree(run.folder / GOLDEN)
    ran = run.harness("show", "ddim/*")
    assert ran.code == 2
    assert (
        ran.err == "error: ddim/two: neither a golden nor a run is here; run harness verify 'ddim/*' first\n"
    )


def test_a_damaged_file_is_told_and_the_rest_is_drawn(run: Project) -> None:
    (run.folder / CAPTURE).write_bytes(b"nothing")
    ran = run.harness("show", "ddim/two", "--quiet")
    assert ran.code == 3
    assert f"warning: {CAPTURE}" in ran.out
    assert (run.folder / "out/pictures/ddim/two/images-golden.png").is_file()


def in_terminal(run: Project, answer: bytes, *words: str, **variables: str) -> str:
    """What the command writes to a terminal that answers a question with `answer`."""
    ours, theirs = pty.openpty()
    without = ("TMUX", "STY", "KITTY_WINDOW_ID", "LC_TERMINAL", "TERM_PROGRAM")
    environment = {name: value for name, value in os.environ.items() if name not in without}
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", "show", "ddim/two", *words],
        cwd=run.folder,
        env={**environment, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", **variables},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    found, deadline = b"", time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                found += os.read(ours, 65536)
            except OSError:
                break
            if answer and b"\x1b[c" in found:
                os.write(ours, answer)
                answer = b""
        elif process.poll() is not None:
            break
    assert process.wait(timeout=60) == 0, found
    os.close(ours)
    return found.decode()


def test_a_terminal_that_can_shows_the_pictures(run: Project) -> None:
    assert "\x1b_Gf=100,a=T" in in_terminal(run, b"", KITTY_WINDOW_ID="1")
    assert "\x1b]1337;File=inline=1" in in_terminal(run, b"", TERM_PROGRAM="iTerm.app")
    assert "\x1b]1337" not in in_terminal(run, b"", "--no-inline", TERM_PROGRAM="iTerm.app")


@pytest.mark.parametrize(
    ("answer", "has"), [(b"\x1b[?62;4;22c", True), (b"\x1b[?62;22c", False), (b"", False)]
)
def test_an_unknown_terminal_is_asked_whether_it_has_sixels(run: Project, answer: bytes, has: bool) -> None:
    told = in_terminal(run, answer)
    assert ("\x1bPq" in told) is has
    assert "out/pictures/ddim/two/images-compared.png" in told


def test_a_report_is_drawn_but_for_what_is_identical(run: Project) -> None:
    run.harness("verify", "ddim/two", "--device", "cpu", "--quiet")
    ran = run.harness("report", "--pictures", "p")
    assert ran.code == 0
    assert ran.out.endswith("p: pictures of 0 cases; `harness show` draws identical ones too\n")
    assert not (run.folder / "p").exists()

    path = run.folder / "out/report.json"
    path.write_text(path.read_text().replace('"identical"', '"drifted"'))
    ran = run.harness("report", "--pictures", "p")
    assert ran.code == 1
    assert ran.out.endswith("p: pictures of 1 case; `harness show` draws identical ones too\n")
    assert (run.folder / "p/ddim/two/images-compared.png").is_file()

    ran = run.harness("report", "merge", "out", "--out", "all", "--pictures", "q")
    assert (ran.code, ran.err) == (1, "")
    assert (run.folder / "q/ddim/two/images-now.png").is_file()

    (run.folder / CAPTURE).unlink()
    (run.folder / "all/captures/ddim/two/capture.safetensors").unlink()
    ran = run.harness("report", "--out", "all", "--pictures", "r")
    assert ran.err.startswith(
        "warning: ddim/two: all/captures/ddim/two/capture.safetensors: is gone or has changed"
    )
    assert (run.folder / "r/ddim/two/images-golden.png").is_file()


def test_a_contact_sheet_of_the_goldens(run: Project) -> None:
    ran = run.harness("list", "--pictures")
    assert ran.code == 0
    assert "goldens.png: 1 golden\n" in ran.out
    assert Image.open(run.folder / "goldens.png").size[0] == 12 + 128 + 12
    ran = run.harness("list", "ddim/*", "--pictures", "deep/sheet.png", "--quiet")
    assert (ran.code, ran.out) == (0, "")
    assert (run.folder / "deep/sheet.png").is_file()


def test_what_is_no_png_is_no_contact_sheet(run: Project) -> None:
    ran = run.harness("list", "--pictures", "ddim/*")
    assert ran.code == 2
    assert "--pictures ddim/*: a contact sheet is a .png; name one, or put what you select first" in ran.err
    shutil.rmtree(run.folder / GOLDEN)
    ran = run.harness("list", "--pictures", "a.png")
    assert ran.code == 2
    assert "a.png: no selected case has a golden to draw; run harness record first" in ran.err


def test_a_case_has_to_be_named(run: Project) -> None:
    ran = run.harness("show")
    assert ran.code == 2
    assert "show: name the cases to show: ids, globs or tag:NAME" in ran.err
