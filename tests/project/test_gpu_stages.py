"""What each stage of the evidence from a GPU makes of the reports of the harness: rows, and what counts as failed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts.evidence import distances, goldens, gpu_tests, latents, speed, switches
from scripts.evidence.bench import Bench, Ran
from scripts.evidence.found import Found
from tests.golden.builders import a_case, environment, write_capture
from tests.support.project import ROOT

HERE = {
    "platform": "cuda-sm90",
    "hardware": {"gpu": "NVIDIA H200", "cpu_model": ""},
    "software": {"os": "Linux", "python": "3.12.3", "cuda": "13.0", "cudnn": "91900", "driver": "580.159.04"}
    | {"packages": {"torch": "2.11.0+cu130", "diffusers": "0.42.1"}},
}


@dataclass
class Pretend(Bench):
    """A bench whose commands do nothing but report what `reports` has for them."""

    reports: dict[str, list[dict[str, object]]] = field(default_factory=dict)
    code: int = 0
    commands: list[tuple[str, ...]] = field(default_factory=list)

    def harness(self, command: str, *words: str | Path, configs: Path, goldens: Path | None = None) -> Ran:
        self.commands.append((command, *map(str, words)))
        names = set(map(str, words))
        cases = [
            case
            for case in self.reports.get(command, [])
            if case["case"] in names or not names & {str(one["case"]) for one in self.reports[command]}
        ]
        return Ran(self.code, {"environment": HERE, "cases": cases}, self.log)


@pytest.fixture
def bench(tmp_path: Path) -> Pretend:
    """A short run on a GPU that is not there."""
    return Pretend(ROOT, tmp_path / "work", tmp_path, "cuda", short=True, stage="goldens")


def tensor(**metrics: float | None) -> dict[str, object]:
    return {"name": "images", "verdict": "within", "metrics": metrics, "limits": {"rel_l2": 1e-4}}


def recorded(case: str, state: str = "recorded", reason: str = "") -> dict[str, object]:
    return {"case": case, "platform": "cuda-sm90", "state": state, "seconds": 1.234, "reason": reason}


def test_goldens(bench: Pretend) -> None:
    broken = recorded("ddim/device-generator", "broken", "it raised")
    bench.reports = {
        "record": [recorded("ddim/cpu-generator"), broken],
        "calibrate": [
            {
                "case": "ddim/cpu-generator",
                "state": "calibrated",
                "seconds": 3.0,
                "calibration": {
                    "runs": [{}, {}],
                    "amplification": 1.5,
                    "outputs": [{"envelope": {"rel_l2": 2e-6}}, {"envelope": {"rel_l2": 3e-6}}],
                },
            }
        ],
        "sensitivity": [
            {
                "case": "ddim/cpu-generator",
                "state": "sharp",
                "seconds": 9.0,
                "scores": [{"relation": "same", "caught": 48, "applied": 49}],
            }
        ],
    }
    golden = bench.goldens / "ddim/cpu-generator/cuda-sm90.safetensors"
    golden.parent.mkdir(parents=True)
    golden.write_bytes(bytes(2048))
    found = Found("goldens")

    goldens.run(bench, found)

    assert found.tables == {
        "goldens": [
            {"case": "ddim/cpu-generator", "state": "recorded", "seconds": 1.23, "KiB": 2, "reason": ""},
            {
                "case": "ddim/device-generator",
                "state": "broken",
                "seconds": 1.23,
                "KiB": None,
                "reason": "it raised",
            },
        ],
        "calibrations": [
            {
                "case": "ddim/cpu-generator",
                "state": "calibrated",
                "seconds": 3.0,
                "runs": 2,
                "amplification": 1.5,
                "envelope of rel_l2": 3e-6,
                "reason": "",
                "exit code": 0,
            }
        ],
        "sensitivities": [
            {
                "case": "ddim/cpu-generator",
                "state": "sharp",
                "seconds": 9.0,
                "caught, same": "48 of 49",
                "reason": "",
                "exit code": 0,
            }
        ],
    }
    assert found.failures == ["record ddim/device-generator: broken: it raised"]
    assert found.environment["gpu"] == "NVIDIA H200"
    assert found.environment["driver"] == "580.159.04"
    assert [command[0] for command in bench.commands] == ["record", "calibrate", "sensitivity"]
    assert (bench.out / "goldens-1.tar.gz").is_file()


def test_a_command_that_reports_nothing_is_a_failure(bench: Pretend) -> None:
    bench.code = 2
    for stage in (goldens, distances, latents, gpu_tests):
        found = Found("one")
        if stage is gpu_tests:
            gpu_tests._invariants(bench, found)
        else:
            stage.run(bench, found)
        assert any("ended with exit code 2; see logs.tar.gz, goldens.log" in one for one in found.failures), (
            stage
        )


def verified(verdict: str = "within", rel_l2: float = 1e-5) -> dict[str, object]:
    boundary = {"event": "unet.forward", "index": 0, "rel_l2": 1e-7, "limit": 1e-6, "verdict": "within"}
    return {
        "case": "ddim/cpu-generator",
        "verdict": verdict,
        "reason": "too far",
        "tensors": [tensor(max_abs=0.5, rel_l2=rel_l2)],
        "boundaries": [
            boundary,
            {**boundary, "index": 1, "rel_l2": 3e-7},
            {**boundary, "index": 2, "rel_l2": None},
        ],
    }


def test_distances(bench: Pretend) -> None:
    bench.reports = {"verify": [verified()]}
    found = Found("distances")

    distances.run(bench, found)

    assert found.tables == {
        "against the CPU's goldens": [
            {
                "case": "ddim/cpu-generator",
                "output": "images",
                "verdict": "within",
                "max_abs": 0.5,
                "rel_l2": 1e-5,
                "limit of rel_l2": 1e-4,
            }
        ],
        "boundary by boundary": [
            {
                "case": "ddim/cpu-generator",
                "event": "unet.forward",
                "calls": 3,
                "largest rel_l2": 3e-7,
                "at call": 1,
                "limit": 1e-6,
                "verdict": "within",
            }
        ],
    }
    assert found.failures == []
    assert found.notes == ["no goldens of this device: run the stage goldens first to compare the generators"]
    [command] = bench.commands
    assert command == ("verify", "ddim/cpu-generator", "--forced", "--relation", "cross-hardware")


def test_limits_between_cpu_and_gpu_that_do_not_hold_fail(bench: Pretend) -> None:
    bench.reports = {"verify": [verified("drifted", 0.5)]}
    found = Found("distances")
    distances.run(bench, found)
    assert found.failures == ["ddim/cpu-generator: drifted: too far"]


@pytest.mark.parametrize(("device", "failed"), [("cuda", 1), ("cpu", 0)])
def test_generators_of_cpu_and_gpu_must_lie_far_apart(bench: Pretend, device: str, failed: int) -> None:
    bench.device = device
    values = np.linspace(0, 1, 8, dtype=np.float32)
    for name, shift in (("cpu", 0.0), ("device", 0.01)):
        path = bench.goldens / f"ddim/{name}-generator/cuda-sm90.safetensors"
        path.parent.mkdir(parents=True)
        write_capture(path, {"images": values + np.float32(shift)}, case=a_case(f"ddim/{name}-generator"))
    found = Found("distances")

    distances._generators(bench, found)

    [row] = found.tables["generator on the device against one on the CPU"]
    # ‖0.01‖ over 8 values against ‖0, 1/7 … 1‖
    assert row["rel_l2"] == pytest.approx(0.01 * 8**0.5 / float(np.linalg.norm(values)), rel=1e-4)
    assert len(found.failures) == failed


def test_the_goldens_of_the_cpu_are_only_linked(bench: Pretend) -> None:
    folder = distances._goldens_of_cpu(bench)
    links = [path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()]
    assert links
    assert all(path.is_symlink() and path.name.startswith("cpu-") for path in links)


@pytest.mark.parametrize(("equal", "largest", "failed"), [(True, 0.0, 0), (False, 0.25, 1)])
def test_latents(bench: Pretend, equal: bool, largest: float, failed: int) -> None:
    distance = {"max_abs": largest}
    bench.reports = {
        "repeat": [{"case": "ddim/cpu-generator", "runs": 2, "deterministic": equal, "distances": [distance]}]
    }
    found = Found("latents")

    latents.run(bench, found)

    row = {"case": "ddim/cpu-generator", "runs": 2, "bit for bit": equal, "L-infinity": largest}
    assert found.tables == {"fifty steps twice": [{**row, "switches": flags} for flags in ("on", "off")]}
    assert len(found.failures) == failed  # with the switches off, runs may differ


def capture(bench: Bench, variation: str, number: int, shift: float, seconds: float, **switches: Any) -> None:
    """A capture that `repeat` would have left."""
    path = bench.folder("out") / f"repeat/captures/ddim/cpu-generator/{variation}/repeat-{number}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    here = environment("cuda-sm90", gpu="NVIDIA H200")
    here = replace(here, switches=replace(here.switches, **switches))
    from harness.core.capture import Timings

    values = np.linspace(0, 1, 8, dtype=np.float32) + np.float32(shift)
    write_capture(path, {"images": values}, env=here, seconds=Timings(0.0, seconds))


def test_switches(bench: Pretend) -> None:
    bench.stage = "switches"
    for number in (1, 2):
        capture(bench, "defaults", number, 0.0, 2.0)
        capture(bench, "workspace-unset", number, number / 100, 1.0, cublas_workspace=None)
        capture(bench, "tf32-on", number, number / 100, 0.5, tf32_matmul=True)
    refused = {"case": "ddim/cpu-generator/attention-efficient", "reason": "No available kernel"}
    bench.reports = {"repeat": [refused]}
    found = Found("switches")

    switches.run(bench, found)

    rows: dict[object, Mapping[str, object]] = {
        row["variation"]: row for row in found.tables["ddim/cpu-generator"]
    }
    assert list(rows) == ["defaults", "workspace-unset", "tf32-on", "attention-efficient"]
    assert rows["defaults"]["runs agree"] is True
    assert (rows["defaults"]["rel_l2"], rows["defaults"]["times"]) == (0.0, 1.0)
    unset = rows["workspace-unset"]
    assert unset["set"] == "cublas_workspace=None, algorithms=False"
    assert str(unset["read back"]).startswith("cublas_workspace=None, deterministic_algorithms=")
    assert (unset["runs agree"], unset["times"]) == (False, 0.5)
    assert rows["tf32-on"]["read back"] == "tf32_matmul=True"
    assert rows["attention-efficient"]["reason"] == "No available kernel"
    assert found.failures == ["ddim/cpu-generator, tf32-on: two runs differ"]  # only the other one may


def test_what_only_a_gpu_can_do(bench: Pretend) -> None:
    invariants = [
        {"invariant": "half", "verdict": "within", "reason": "", "tensors": [tensor(rel_l2=1e-3)]},
        {"invariant": "compile", "verdict": "drifted", "reason": "too far", "tensors": [tensor(rel_l2=0.5)]},
    ]
    plain = {
        "case": "offload-model",
        "verdict": "no-golden",
        "reason": "none",
        "tensors": [],
        "invariants": [],
    }
    bench.reports = {"verify": [{**plain, "case": "ddim", "invariants": invariants}, plain]}
    found = Found("tests")

    gpu_tests._invariants(bench, found)

    assert found.tables["what only a GPU can do"] == [
        {"case": "ddim", "what": "half", "verdict": "within", "rel_l2": 1e-3, "reason": ""},
        {"case": "ddim", "what": "compile", "verdict": "drifted", "rel_l2": 0.5, "reason": "too far"},
        {"case": "offload-model", "what": "runs", "verdict": "runs", "rel_l2": None, "reason": ""},
    ]
    assert found.failures == ["ddim, compile: drifted: too far"]


def test_the_tests_of_a_gpu(tmp_path: Path) -> None:
    report = tmp_path / "junit.xml"
    report.write_text(
        '<testsuites><testsuite><testcase classname="tests.a" name="one" time="0.5"/>'
        '<testcase classname="tests.a" name="two" time="0"><skipped message="no device"/></testcase>'
        "</testsuite></testsuites>"
    )
    found = Found("tests")
    gpu_tests._add_tests(found, report)
    assert found.tables["pytest -m gpu"] == [
        {"test": "tests/a::one", "outcome": "passed", "seconds": 0.5, "reason": ""},
        {"test": "tests/a::two", "outcome": "skipped", "seconds": 0.0, "reason": "no device"},
    ]


@pytest.mark.parametrize(("device", "failures"), [("cuda", ["none: 2.000"]), ("cpu", [])])
def test_speed(bench: Pretend, monkeypatch: pytest.MonkeyPatch, device: str, failures: list[str]) -> None:
    def run(_self: Bench, command: list[object]) -> int:
        if "levels" not in command:
            return 1
        Path(str(command[command.index("--json") + 1])).write_text(
            json.dumps({"rows": [{"level": "none"}], "missed": ["none: 2.000"]})
        )
        return 0

    bench.device = device
    monkeypatch.setattr(Bench, "run", run)
    found = Found("speed")

    speed.run(bench, found)

    assert found.tables == {"levels, small": [{"level": "none"}]}
    lost = "benchmarks/gpu.py --part verify: ended with exit code 1; see logs.tar.gz, goldens.log"
    assert found.failures == [*failures, lost]
