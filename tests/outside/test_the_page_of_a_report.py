"""Through the real commands: every verify leaves a page, whatever happens, and `report --html` makes another one."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.core.capture import Outcome
from harness.run.trial import Trial
from tests.support.pretend import CONFIG, Pretend, pretend

__all__ = ["pretend"]

PICTURE = np.linspace(0, 1, 16 * 16 * 3, dtype=np.float32).reshape(1, 16, 16, 3)


@pytest.fixture
def recorded(pretend: Pretend) -> Pretend:
    """Two cases with goldens, each a small picture."""
    for name in ("one", "two"):
        pretend.config(name, CONFIG + "tags: [smoke]\n")
        pretend.values[name] = PICTURE
    assert pretend.record().code == 0
    return pretend


def page_of(pretend: Pretend) -> str:
    return (pretend.folder / "out/report.html").read_text(encoding="utf-8")


def test_a_failure_is_on_the_page_with_its_pictures(recorded: Pretend) -> None:
    recorded.values["one"] = PICTURE * np.float32(0.9)
    ran = recorded.harness("verify")
    assert ran.code == 1
    assert ran.err.endswith("note: pictures, causes and commands: out/report.html\n")
    page = page_of(recorded)
    assert "1 of 2 cases failed" in page
    assert 'data-tag="smoke" data-pipeline="DDIMPipeline"' in page
    assert 'href="report-pictures/one/images-golden.png"' in page
    assert (recorded.folder / "out/report-pictures/one/images-golden.png").is_file()


def test_a_pass_needs_no_picture(recorded: Pretend) -> None:
    ran = recorded.harness("verify")
    assert (ran.code, ran.err) == (0, "")
    assert "Nothing failed" in page_of(recorded)
    assert not (recorded.folder / "out/report-pictures").exists()


def test_pictures_of_an_earlier_verify_are_gone(recorded: Pretend) -> None:
    recorded.values["one"] = PICTURE * np.float32(0.9)
    recorded.harness("verify")
    recorded.values["one"] = PICTURE
    recorded.harness("verify")
    assert not (recorded.folder / "out/report-pictures").exists()


def test_an_interrupted_verify_has_a_page(recorded: Pretend) -> None:
    recorded.values["one"] = PICTURE * np.float32(0.9)

    def interrupted(trial: Trial) -> Outcome | None:
        if trial.case.id == "two":
            raise KeyboardInterrupt
        return None

    recorded.before = interrupted
    assert recorded.harness("verify").code == 130
    page = page_of(recorded)
    assert "1 case was not run to the end; 1 of 1 case failed" in page
    assert "Not run: two." in page


def test_a_page_that_cannot_be_written_hides_no_verdict(
    recorded: Pretend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_given: object) -> str:
        raise RecursionError("too deep")

    recorded.values["one"] = PICTURE * np.float32(0.9)
    monkeypatch.setattr("harness.report.page.page.page_html", fail)
    ran = recorded.harness("verify")
    assert ran.code == 1
    assert "1 identical, 1 drifted: 1 of 2 cases failed (exit code 1)" in ran.out
    assert ran.err.endswith(
        "warning: out/report.html: could not be written (RecursionError: too deep); "
        "the verdicts stand, and report.json holds them\n"
    )
    assert recorded.report()["summary"] == {"identical": 1, "drifted": 1}


def test_a_folder_in_the_page_s_place(recorded: Pretend) -> None:
    (recorded.folder / "out/report.html/x").mkdir(parents=True)
    ran = recorded.harness("verify")
    assert ran.code == 0
    assert ran.err.startswith("warning: the page of the report could not be written: out/report.html: ")


def test_a_page_from_a_report_that_was_moved(recorded: Pretend, tmp_path: Path) -> None:
    recorded.values["one"] = PICTURE * np.float32(0.9)
    recorded.harness("verify")
    shutil.move(recorded.folder / "out", recorded.folder / "artifact")
    ran = recorded.harness("report", "--out", "artifact", "--html", "pages/night.html")
    assert ran.code == 1
    page = (recorded.folder / "pages/night.html").read_text(encoding="utf-8")
    assert 'href="night-pictures/one/images-now.png"' in page
    assert "harness accept --out artifact one --reason ..." in page
    assert (recorded.folder / "pages/night-pictures/one/images-now.png").is_file()


@pytest.mark.parametrize("words", [["--help"], ["list"], ["verify", "--help"], ["report", "--help"]])
def test_nothing_of_a_page_is_loaded_before_it_is_written(recorded: Pretend, words: list[str]) -> None:
    script = (
        "import sys\nfrom harness.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "print('loaded', sorted({'PIL', 'jinja2', 'matplotlib'} & sys.modules.keys()), file=sys.stderr)"
    )
    command = [sys.executable, "-c", script, *words]
    ran = subprocess.run(command, cwd=recorded.folder, text=True, capture_output=True, check=True)
    assert ran.stderr.endswith("loaded []\n")
