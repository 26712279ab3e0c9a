"""What is wrong with the installation is tried once and said once, and every case that it stops is an `error`."""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree

import pytest

from harness.cli import main
from harness.run import process
from tests.support.project import ROOT

CASES = 7

CONFIG = """\
pipeline: DDIMPipeline
model: {id: "builtin:ddpm-digits"}
steps: 2
call: {output_type: np}
matrix: {seed: [0, 1, 2, 3, 4, 5, 6]}
"""

COUNT = """\
import os, signal, sys, time
WORKER = "harness.worker" in sys.orig_argv
if WORKER:
    with open(os.environ["TEST_STARTS"], "a") as file:
        file.write("start\\n")
"""


@dataclass(frozen=True)
class Bench:
    """A project of seven cases, and packages that stand before the installed ones."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    @property
    def starts(self) -> int:
        """How many workers were started."""
        path = self.folder / "starts"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def package(self, name: str, source: str) -> None:
        """Put a package before an installed one of the same name."""
        path = self.folder / "site" / name / "__init__.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)

    def at_start(self, source: str) -> None:
        """Have `source` executed when the Python of a worker starts."""
        (self.folder / "site" / "sitecustomize.py").write_text(COUNT + source)

    def run(self, *words: str) -> tuple[int, str]:
        """The exit code, and all that was printed."""
        code = main(words)
        told = self.capsys.readouterr()
        return code, told.out + told.err

    def report(self, name: str = "report.json") -> list[dict]:
        """The cases of a report."""
        return json.loads((self.folder / "out" / name).read_text())["cases"]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bench:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "site"), str(ROOT)]))
    monkeypatch.setenv("TEST_STARTS", str(tmp_path / "starts"))
    monkeypatch.delenv("HARNESS_THREADS", raising=False)
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "digits.yaml").write_text(CONFIG)
    (tmp_path / "site").mkdir()
    bench = Bench(tmp_path, capsys)
    bench.at_start("")
    return bench


NO_LIBRARY = """\
__version__ = "9.9.9"
raise OSError("libcudart.so.12: cannot open shared object file: No such file or directory")
"""
SENTENCE = (
    "torch 9.9.9 cannot be imported here: OSError: libcudart.so.12: cannot open shared object file: "
    "No such file or directory"
)


PROGRESS = re.compile(r"^\S+ +error +[\d.]+ s$", re.MULTILINE)
"""A line for each case as it ends."""


def flat(printed: str) -> str:
    """What was printed, without the breaks of its lines and what was told on the way."""
    return " ".join(PROGRESS.sub("", printed).split())


@pytest.mark.parametrize(
    ("words", "report", "starts"),
    [
        (["verify"], "report.json", 1),
        (["verify", "--quiet"], "report.json", 1),
        (["verify", "--jobs", "3"], "report.json", 1),
        (["record"], "record.json", 1),
        (["record", "--jobs", "2"], "record.json", 1),
        (["repeat", "--reuse"], "repeat.json", 1),
        (["repeat", "--flags", "both"], "repeat.json", 2),  # without flags, a worker has other variables
        (["calibrate"], "calibrate.json", 1),
        (["sensitivity"], "sensitivity.json", 1),
        (["explain"], "explain.json", 1),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_every_command_tries_once_and_says_it_once(
    bench: Bench, words: list[str], report: str, starts: int
) -> None:
    bench.package("torch", NO_LIBRARY)
    code, printed = bench.run(*words, "--device", "cpu")
    assert code == 3
    assert bench.starts == starts
    assert flat(printed).count(SENTENCE) == 1
    assert printed.count("Traceback") <= 1
    assert flat(printed).startswith(f"error {SENTENCE}")
    cases = bench.report(report)
    assert {case["reason"] for case in cases} == {SENTENCE}
    assert len([case for case in cases if case["log"]]) == 1
    assert all("harness env" in case["next_step"] for case in cases)


def test_what_each_case_is_and_what_a_report_of_it_says(bench: Bench) -> None:
    bench.package("torch", NO_LIBRARY)
    bench.run("verify", "--junit", "out/j.xml")
    assert {case["verdict"] for case in bench.report()} == {"error"}
    code, printed = bench.run("report", "--markdown", "out/m.md")
    assert (code, flat(printed).count(SENTENCE)) == (3, 1)
    assert "7 cases could not run: digits@seed=0, digits@seed=1, digits@seed=2 and 4 more" in flat(printed)
    shown = (bench.folder / "out" / "m.md").read_text()
    assert shown.count(SENTENCE) == 2  # the heading of the cause, and its details
    assert shown.count("Traceback") == 1
    errors = ElementTree.parse(bench.folder / "out" / "j.xml").getroot().findall(".//error")
    assert [error.get("message") for error in errors] == [SENTENCE] * CASES


def test_cases_whose_workers_have_other_variables_are_tried_by_themselves(bench: Bench) -> None:
    (bench.folder / "configs" / "two.yaml").write_text(CONFIG + "determinism: {threads: 2}\n")
    bench.package(
        "torch", "import os\nraise ImportError(f'not with {os.environ[\"OMP_NUM_THREADS\"]} threads')"
    )
    code, printed = bench.run("verify")
    assert (code, bench.starts) == (3, 2)
    assert printed.count("not with 1 threads") == printed.count("not with 2 threads") == 2  # sentence and log


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (
            '__version__ = "5.0.0"\nraise ImportError("""tokenizers>=0.22.0,<=0.23.0 is required for a normal '
            'functioning of this module, but found tokenizers==0.23.3.\\nTry: `pip install transformers -U`""")',
            "torch 5.0.0 cannot be imported here: tokenizers>=0.22.0,<=0.23.0 is required for a normal "
            "functioning of this module, but found tokenizers==0.23.3.",
        ),
        (
            '__version__ = "0.36.0"\nimport no_such_module.at_all',
            "torch 0.36.0 cannot be imported here: No module named 'no_such_module'",
        ),
        ("import sys\nsys.exit('no licence')", "cannot be imported here: SystemExit: no licence"),
        ("this is no Python", "cannot be imported here: SyntaxError: "),
        ("try: 1 / 0\nexcept ZeroDivisionError as error: raise RuntimeError('see above') from error",
         "cannot be imported here: ZeroDivisionError: division by zero"),
        ("print('{\"kind\": \"ready\"}\\n' * 3)\nimport os\nos.write(1, b'garbage')\nraise ImportError('after it')",
         "cannot be imported here: after it"),
        ("import os\nos.write(2, b'cannot allocate TLS\\n')\nos._exit(127)",
         "the worker exited with code 127 while starting: cannot allocate TLS"),
        ("import ctypes\nctypes.string_at(0)",
         "the worker was killed by SIGSEGV while starting: Fatal Python error: Segmentation fault"),
    ],
    ids=["own message", "module", "exit", "syntax", "chained", "garbage", "death", "segfault"],
)  # fmt: skip
def test_whatever_an_import_does(bench: Bench, source: str, sentence: str) -> None:
    bench.package("torch", source)
    code, printed = bench.run("verify", "--device", "cpu")
    assert (code, bench.starts) == (3, 1)
    assert flat(printed).count(sentence) == 1


def test_a_site_that_ends_the_worker(bench: Bench) -> None:
    bench.at_start("if WORKER: raise SystemExit('no licence today')")
    code, printed = bench.run("verify", "--device", "cpu")
    assert (code, bench.starts) == (3, 1)
    assert flat(printed).startswith(
        "error the worker exited with code 1 while starting: SystemExit: no licence today "
    )


def test_a_worker_that_is_killed_at_its_start_is_tried_once_more(bench: Bench) -> None:
    bench.at_start("if WORKER: os.kill(os.getpid(), signal.SIGKILL)")
    code, printed = bench.run("verify", "--device", "cpu")
    assert (code, bench.starts) == (3, 2)
    assert flat(printed).count("the worker was killed by SIGKILL (often the kernel, out of memory)") == 1


def test_a_worker_that_hangs_at_its_start_costs_that_time_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "STARTUP_SECONDS", 2.0)
    monkeypatch.setattr(process, "_ABORT_SECONDS", 1.0)
    bench.at_start("if WORKER:\n    signal.signal(signal.SIGABRT, signal.SIG_IGN)\n    time.sleep(600)")
    code, printed = bench.run("verify", "--device", "cpu")
    assert (code, bench.starts) == (3, 1)
    assert flat(printed).count("no result within the timeout of 2 s while starting") == 1


@pytest.mark.parametrize("moved", ["missing", "not executable", "another Python", "unknown"])
def test_a_python_that_was_moved(bench: Bench, monkeypatch: pytest.MonkeyPatch, moved: str) -> None:
    python = bench.folder / "python"
    if moved == "not executable":
        python.write_text("")
    if moved == "another Python":
        python.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E "$@"\n')
        python.chmod(0o700)
        monkeypatch.chdir(bench.folder)
    monkeypatch.setattr(sys, "executable", "" if moved == "unknown" else str(python))
    words = {
        "missing": f"{python}: no worker can be started by this Python (No such file or directory)",
        "not executable": f"{python}: no worker can be started by this Python (Permission denied)",
        "another Python": "the worker exited with code 1 while starting: ",
        "unknown": "no worker can be started: this Python does not say where its executable is",
    }
    code, printed = bench.run("verify", "--device", "cpu")
    assert code == 3
    # A long path is broken anywhere.
    assert "".join(flat(printed).split()).count("".join(words[moved].split())) == 1
    code, printed = bench.run("env")
    assert code == 3
    assert words[moved] in flat(printed)


def test_env_says_it_and_what_to_do(bench: Bench) -> None:
    bench.package("torch", NO_LIBRARY)
    code, printed = bench.run("env", "--device", "cpu")
    assert (code, bench.starts) == (3, 1)
    assert printed.startswith(f"error: {SENTENCE}\n")
    assert printed.count("Traceback") == 1
    assert printed.splitlines()[-1].startswith("next: fix what ")


def test_packages_that_are_imported_later_are_looked_at_before_any_case(bench: Bench) -> None:
    """The example of the bug report: diffusers lacks something, torch is as it should be."""
    bench.package("diffusers", '__version__ = "0.36.0"\nimport httpx_is_not_here\n')
    code, printed = bench.run("verify", "--device", "cpu")
    sentence = "diffusers 0.36.0 cannot be imported here: No module named 'httpx_is_not_here'"
    assert (code, bench.starts) == (3, 1)
    assert flat(printed).count(sentence) == 1
    assert "next: install the package that provides the module httpx_is_not_here" in flat(printed)
    assert {case["reason"] for case in bench.report()} == {sentence}


def test_one_pipeline_class_that_cannot_be_imported_stops_only_its_cases(bench: Bench) -> None:
    (bench.folder / "configs" / "ddpm.yaml").write_text(CONFIG.replace("DDIMPipeline", "DDPMPipeline"))
    blocked = """
import importlib.abc
class Blocking(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "diffusers.pipelines.ddpm.pipeline_ddpm":
            raise ImportError("cannot import name 'Gone' from 'transformers'")
sys.meta_path.insert(0, Blocking())
"""
    bench.at_start(blocked)
    code, printed = bench.run("verify", "--device", "cpu", "--jobs", "1", "ddpm*", "digits@seed=0")
    verdicts = {case["case"]: case["verdict"] for case in bench.report()}
    sentence = "cannot be imported here: cannot import name 'Gone' from 'transformers'"
    assert (code, bench.starts) == (3, 1)
    assert verdicts.pop("digits@seed=0") == "no-golden"
    assert list(verdicts.values()) == ["error"] * CASES
    assert flat(printed).count(f"DDPMPipeline of diffusers {version('diffusers')} {sentence}") == 1
    assert printed.count("Traceback") <= 2  # one error, raised from another
