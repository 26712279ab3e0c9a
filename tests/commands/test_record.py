"""`harness record` over the real command line."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from harness import cli
from harness.commands import record
from tests.support.files import edit
from tests.support.project import TWO_STEPS, Project, interruptible
from tests.support.starts import client

PLATFORM = f"cpu-{platform.machine().lower()}"
GOLDEN = Path("goldens/ddim/two") / f"{PLATFORM}.safetensors"


def states(project: Project) -> dict[str, str]:
    return {case["case"]: case["state"] for case in project.report("record.json")["cases"]}


def document(path: Path) -> dict:
    with safe_open(path, framework="numpy") as file:
        return json.loads(file.metadata()["harness"])


def test_what_is_bit_identical_twice_is_stored_and_nothing_else(recorded: Project) -> None:
    assert states(recorded) == {"ddim/two": "recorded", "unseeded": "nondeterministic"}
    assert [path.relative_to(recorded.folder) for path in recorded.folder.glob("goldens/**/*.*")] == [GOLDEN]
    unseeded = recorded.report("record.json")["cases"][1]
    assert unseeded["tensors"][0]["metrics"]["max_abs"] > 0.1
    assert "torch" in unseeded["reason"]
    with safe_open(recorded.folder / GOLDEN, framework="numpy") as file:
        outputs = [name for name in file.keys() if not name.startswith("trace/")]  # noqa: SIM118
        assert outputs == ["output/images"]
        assert file.get_tensor("output/images").dtype == np.float32
    accepted = document(recorded.folder / GOLDEN)["accepted"]
    assert (accepted["how"], accepted["runs"], accepted["noise"]) == ("record", 2, [])


def test_an_existing_golden_is_kept_without_update(project: Project) -> None:
    before = (project.folder / GOLDEN).read_bytes()
    ran = project.harness("record", "ddim/two", "--device", "cpu")
    assert ran.code == 0
    assert states(project) == {"ddim/two": "kept"}
    assert "harness record --update ddim/two" in ran.out
    assert (project.folder / GOLDEN).read_bytes() == before


def test_update_says_what_changed_and_replaces(project: Project) -> None:
    edit(project.folder / GOLDEN, "output/images", lambda images: images + np.float32(0.25))
    project.config("ddim/two", TWO_STEPS + "timeout: 90\n")
    ran = project.harness("record", "ddim/two", "--update", "--device", "cpu")
    assert ran.code == 0, ran.out + ran.err
    case = project.report("record.json")["cases"][0]
    assert case["state"] == "updated"
    assert abs(case["tensors"][0]["metrics"]["max_abs"] - 0.25) < 1e-6
    assert "max_abs" in ran.out
    again = project.harness("record", "ddim/two", "--update", "--device", "cpu")
    assert states(project) == {"ddim/two": "unchanged"}, again.out


def test_allowed_noise_is_stored_with_the_golden(project: Project) -> None:
    config = project.folder / "configs/unseeded.yaml"
    config.write_text(config.read_text() + "nondeterministic: allow\n")
    ran = project.harness("record", "unseeded", "--device", "cpu")
    assert ran.code == 0, ran.out + ran.err
    noise = document(project.folder / "goldens/unseeded" / f"{PLATFORM}.safetensors")["accepted"]["noise"]
    assert noise[0]["tensor"] == "images"
    assert noise[0]["metrics"]["max_abs"] > 0.1


def test_a_pipeline_that_raises_leaves_no_golden(project: Project) -> None:
    project.config("raises", TWO_STEPS.replace("output_type: np", "batch_size: -1"))
    ran = project.harness("record", "raises", "--device", "cpu")
    assert ran.code == 1
    assert states(project) == {"raises": "broken"}
    assert not (project.folder / "goldens/raises").exists()


def test_a_model_that_cannot_be_had_is_skipped(project: Project) -> None:
    project.config("hub", TWO_STEPS.replace("builtin:ddpm-digits", "nobody/nothing-at-all"))
    ran = project.harness("record", "hub", "--device", "cpu")
    assert ran.code == 0
    assert states(project) == {"hub": "skipped"}
    assert "nobody/nothing-at-all" in ran.out


def test_an_interrupted_recording_keeps_what_it_had_finished(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.config("a")
    project.config("b", TWO_STEPS.replace("steps: 2", "steps: 1000"))
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.starts", "record", "--device", "cpu"],
        cwd=tmp_path,
        env={**os.environ, **client.variables()},
        preexec_fn=interruptible,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    golden = tmp_path / "goldens/a" / GOLDEN.name
    deadline = time.monotonic() + 120
    while not golden.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert document(golden)["accepted"]["runs"] == 2
    assert not (tmp_path / "goldens/b").exists()


@pytest.mark.usefixtures("forked")
def test_gates_that_fail_cost_neither_golden_nor_report(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.folder)

    def broken(*_given: object) -> None:
        assert states(project) == {"ddim/two": "unchanged"}, "told before the gates begin"
        raise OSError("no space left")

    monkeypatch.setattr(record, "weaknesses", broken)
    assert cli.main(["record", "ddim/two", "--update", "--device", "cpu", "--quiet"]) == 0
    [case] = project.report("record.json")["cases"]
    assert case["state"] == "unchanged"
    assert case["warnings"][-1] == "it could not be checked for weaknesses: no space left"
