"""The evidence that portable runs depend on no CPU: the cases it takes, its table, and its short form."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.core.environment import Environment
from harness.run.variables import can_be_portable
from scripts.portable_evidence import main
from tests.golden.builders import a_case, environment, write_capture
from tests.support.project import ROOT

QEMU = shutil.which("qemu-x86_64")

PORTABLE = "determinism: {portable: true}\n"

THREE_STEPS = """\
pipeline: StableDiffusionPipeline
model: {id: "builtin:sd-digits"}
scheduler: {class: DDIMScheduler}
steps: 3
seed: 0
call: {prompt: a handwritten three, guidance_scale: 7.5, output_type: latent}
"""


@dataclasses.dataclass(frozen=True)
class Done:
    """How the helper or the script ended."""

    returncode: int
    stdout: str
    stderr: str

    def row(self, case: str) -> str:
        """The cells of a case in the table."""
        [row] = [line for line in self.stdout.splitlines() if line.startswith(f"| {case} |")]
        return row.removeprefix(f"| {case} | ").removesuffix(" |")


@pytest.fixture
def helper(monkeypatch, capsys) -> Callable[..., Done]:
    """The script's helper with these words."""
    monkeypatch.setenv("THREADS", "2")
    monkeypatch.delenv("THREADED", raising=False)

    def call(*words: str | Path) -> Done:
        code = main([str(word) for word in words])
        return Done(code, *capsys.readouterr())

    return call


def config(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / "configs" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


@pytest.fixture
def planned(tmp_path: Path) -> Path:
    """An output folder whose plan has the cases one and two, one of them with threads as well."""
    plan = {"cases": ["one", "two"], "threaded": ["one"], "left_out": {"hub": "its model is elsewhere"}}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    for folder in ("native", "native-threads", "Haswell", "Haswell-threads"):
        for case in plan["threaded" if "threads" in folder else "cases"]:
            leave(tmp_path / folder, case)
    return tmp_path


def fingerprint(**changes: object) -> Environment:
    found = environment()
    switches = dataclasses.replace(found.switches, portable=True, threads=2)
    return dataclasses.replace(found, switches=switches, known_answers={"exp": "1", "log": "2"}, **changes)


def leave(
    folder: Path, case: str, values: object = (0.5, 1.0), env: Environment | None = None, **document: object
) -> None:
    """The capture of `case` in `folder` and what verify says of it."""
    path = folder / "captures" / case / "capture.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {"images": np.float32(values)}
    write_capture(path, tensors, case=a_case(case), env=env or fingerprint(), **document)
    report = folder / "verify.json"
    cases = json.loads(report.read_text())["cases"] if report.is_file() else []
    report.write_text(json.dumps({"cases": [*cases, {"case": case, "verdict": "no-golden", "reason": ""}]}))


def test_cases_that_are_no_evidence_are_named_with_the_reason(tmp_path, helper):
    config(
        tmp_path,
        "good",
        THREE_STEPS + PORTABLE + "timeout: 5\ninvariants:\n  # why\n  save_load: exact\ntags: [a]\n",
    )
    config(tmp_path, "off", THREE_STEPS + "determinism: {portable: false}\n")
    config(tmp_path, "free", THREE_STEPS + PORTABLE + "nondeterministic: allow\n")
    config(tmp_path, "gpu", THREE_STEPS + PORTABLE + "devices: [cuda]\n")
    config(tmp_path, "hub", THREE_STEPS.replace("builtin:sd-digits", "some/model") + PORTABLE)

    done = helper("plan", tmp_path / "configs", tmp_path)

    assert done.returncode == 0, done.stderr
    plan = json.loads((tmp_path / "plan.json").read_text())
    assert plan["cases"] == plan["threaded"] == ["good"]
    assert plan["left_out"] == {
        "off": "it says portable: false",
        "free": "unseeded on purpose (nondeterministic: allow): no two runs agree",
        "gpu": "it runs on cuda only",
        "hub": "its model comes from the hub (some/model)",
    }
    copied = (tmp_path / "plan-configs/good.yaml").read_text()
    assert copied == f"{THREE_STEPS}{PORTABLE}tags: [a]\ntimeout: 21600\n"
    assert (tmp_path / "cases").read_text() == "good\n"


def test_a_selection_without_evidence_is_a_usage_error(tmp_path, helper):
    config(tmp_path, "off", THREE_STEPS + "determinism: {portable: false}\n")

    done = helper("plan", tmp_path / "configs", tmp_path, "off")

    assert done.returncode == 2
    assert done.stderr == "off: no case is left to run (off: it says portable: false); select another\n"


def test_the_configs_are_never_written_over(tmp_path, helper):
    config(tmp_path, "good", THREE_STEPS + PORTABLE)

    done = helper("plan", tmp_path / "configs", tmp_path / "configs")

    assert done.returncode == 2
    assert "choose another OUT" in done.stderr
    assert [path.name for path in (tmp_path / "configs").iterdir()] == ["good.yaml"]


def test_threads_for_a_case_that_is_not_selected_are_a_usage_error(tmp_path, helper, monkeypatch):
    config(tmp_path, "good", THREE_STEPS + PORTABLE)
    monkeypatch.setenv("THREADED", "other")

    done = helper("plan", tmp_path / "configs", tmp_path)

    assert done.returncode == 2
    assert done.stderr == "THREADED: other: none of the selected cases (good)\n"


def test_everything_identical_passes(planned, helper):
    done = helper("table", planned, "Haswell")

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "| case | emulated Haswell |",
        "| --- | --- |",
        "| known answers | 2 identical |",
        "| one | identical |",
        "| two | identical |",
        "| one, 2 threads | identical |",
        "",
        "left out: hub: its model is elsewhere",
        "one on this CPU: 2 threads give the same bits as one",
        "rows: 4, emulated CPUs: 1, cells that are not identical: 0",
    ]


def test_one_other_bit_fails(planned, helper):
    leave(planned / "Haswell", "two", (0.5, np.nextafter(np.float32(1), np.float32(2))))

    done = helper("table", planned, "Haswell")

    assert done.returncode == 1
    assert done.row("two") == "images drifted, max_abs 1.2e-07, rel_l2 1.1e-07"
    assert "cells that are not identical: 1" in done.stdout


def test_a_case_without_a_capture_fails(planned, helper):
    (planned / "Haswell/captures/two/capture.safetensors").unlink()

    done = helper("table", planned, "Haswell")

    assert done.returncode == 1
    assert done.row("two") == "Haswell: left no capture"


@pytest.mark.parametrize("folder", ["native", "Haswell"])
def test_a_case_that_ended_otherwise_fails_with_its_reason(planned, folder, helper):
    report = {"cases": [{"case": "two", "verdict": "error", "reason": "no result\n within 5 s"}]}
    (planned / folder / "verify.json").write_text(json.dumps(report))

    done = helper("table", planned, "Haswell")

    assert done.returncode == 1
    assert done.row("two") == f"{folder}: error: no result within 5 s"
    assert done.row("one") == f"{folder}: not run"


def test_equal_bits_of_a_run_that_was_not_portable_fail(planned, helper):
    lost = dataclasses.replace(fingerprint(), switches=environment().switches)
    leave(planned / "Haswell", "two", env=lost, warnings=("MKL_CBWR is not set",))

    done = helper("table", planned, "Haswell")

    assert done.returncode == 1
    assert done.row("two") == "Haswell is not portable (MKL_CBWR is not set); identical"


def test_another_known_answer_fails(planned, helper):
    for case in ("one", "two"):
        leave(
            planned / "Haswell",
            case,
            env=dataclasses.replace(fingerprint(), known_answers={"exp": "1", "log": "3"}),
        )

    done = helper("table", planned, "Haswell")

    assert done.returncode == 1
    assert done.row("known answers") == "1 of 2 differ: log"


def evidence(tmp_path: Path, **variables: str) -> Done:
    """The script over one short case of a folder of its own, on one emulated CPU."""
    config(tmp_path, "three-steps", THREE_STEPS + PORTABLE)
    folders = {"CONFIGS": str(tmp_path / "configs"), "OUT": str(tmp_path / "out")}
    done = subprocess.run(
        [ROOT / "scripts/portable_evidence.sh"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "CPUS": "Haswell", **folders, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.mark.slow
@pytest.mark.skipif(QEMU is None, reason="qemu-x86_64 is not installed (Debian, Ubuntu: qemu-user)")
@pytest.mark.skipif(not can_be_portable(), reason="this CPU has no AVX2")
class TestShortForm:
    """One pipeline of three steps and the known answers, on this CPU and on an emulated Intel Haswell."""

    def test_every_bit_is_the_same_there(self, tmp_path):
        done = evidence(tmp_path, THREADED="three-steps")

        assert done.returncode == 0, done.stdout + done.stderr
        assert done.row("three-steps") == "identical"
        assert done.row("three-steps, 2 threads") == "identical"
        assert done.row("known answers").endswith(" identical")

        again = evidence(tmp_path, THREADED="three-steps")

        assert again.stderr.count("kept from the last run") == 4
        assert again.stdout == done.stdout

    def test_a_variable_lost_there_is_seen(self, tmp_path):
        """Without MKL_CBWR the emulated Intel CPU computes other products, and says why it is not portable."""
        losing = tmp_path / "bin" / "qemu-x86_64"
        losing.parent.mkdir()
        losing.write_text(f'#!/bin/sh\nunset MKL_CBWR\nexec {QEMU} "$@"\n')
        losing.chmod(0o755)

        done = evidence(tmp_path, THREADED="", PATH=f"{losing.parent}:{os.environ['PATH']}")

        assert done.returncode == 1, done.stdout + done.stderr
        assert "-threads" not in done.stderr
        row = done.row("three-steps")
        assert "Haswell is not portable" in row
        assert "MKL_CBWR is not set instead of COMPATIBLE" in row
        assert "images drifted" in row
        assert done.row("known answers") == "Haswell: none computed"
