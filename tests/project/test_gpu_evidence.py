"""The evidence from a GPU: its stages keep their time, keep what they found, and touch nothing of the project."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from harness.config.load import load_cases
from scripts import gpu_evidence
from scripts.evidence import bench as benches
from scripts.evidence import packing, stages, summary, variations
from scripts.evidence.bench import Bench, OutOfTime
from scripts.evidence.found import Found, read
from tests.support.project import ROOT


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A short run on the CPU in folders of its own, in the stage `goldens`."""
    (tmp_path / "out").mkdir()
    found = Bench(ROOT, tmp_path / "work", tmp_path / "out", "cpu", short=True, stage="goldens")
    found.log.parent.mkdir(parents=True)
    return found


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let stages be these functions, of equal shares."""

    def install(**functions: Callable[[Bench, Found], None]) -> None:
        monkeypatch.setattr(stages, "STAGES", {name: stages.Stage(name, 1.0) for name in functions})
        monkeypatch.setattr(stages, "import_module", lambda name: SimpleNamespace(run=functions[name]))

    return install


def told(bench: Bench) -> dict[str, dict[str, object]]:
    """The stages of the summary."""
    return json.loads((bench.out / "summary.json").read_text())["stages"]


# Stages


def test_a_stage_that_ends_well(bench: Bench, pretend, capsys) -> None:
    pretend(one=lambda _bench, found: found.add("sizes", {"case": "a", "rel_l2": 0.00012345, "same": True}))

    assert stages.run(bench, ["one"], 60) == 0

    [one] = told(bench).values()
    assert (one["state"], one["failures"]) == ("complete", [])
    assert one["tables"] == {"sizes": [{"case": "a", "rel_l2": 0.00012345, "same": True}]}
    text = (bench.out / "summary.txt").read_text()
    assert text == (
        "device cpu, short\n"
        "\n"
        "one: complete, 0 s, 0 failed\n"
        "\n"
        "  sizes\n"
        "  case  rel_l2    same\n"
        "  a     0.000123  yes\n"
    )
    assert capsys.readouterr().out == text
    assert sorted(path.name for path in bench.out.iterdir()) == ["logs.tar.gz", "summary.json", "summary.txt"]


def test_a_stage_that_fails_keeps_its_rows_and_stops_no_other(bench: Bench, pretend) -> None:
    def failing(_bench: Bench, found: Found) -> None:
        found.add("sizes", {"case": "a"})
        raise ValueError("no such\n  thing")

    pretend(one=failing, two=lambda _bench, found: found.add("sizes", {"case": "b"}))

    assert stages.run(bench, ["two", "one"], 60) == 1

    one, two = told(bench).values()
    assert (one["stage"], one["state"], one["failures"]) == ("one", "failed", ["ValueError: no such thing"])
    assert one["tables"] == {"sizes": [{"case": "a"}]}
    assert (two["stage"], two["state"]) == ("two", "complete")
    with tarfile.open(bench.out / "logs.tar.gz") as logs:
        assert b"ValueError: no such" in logs.extractfile("one.log").read()


def test_a_stage_that_is_killed_has_left_its_rows(bench: Bench, pretend) -> None:
    def killed(_bench: Bench, found: Found) -> None:
        found.add("sizes", {"case": "a"})
        seen.append(told(bench)["one"])
        raise KeyboardInterrupt

    seen: list[dict[str, object]] = []
    pretend(one=killed, two=lambda _bench, _found: seen.clear())

    with pytest.raises(KeyboardInterrupt):
        stages.run(bench, ["one", "two"], 60)

    assert [(one["state"], one["tables"]) for one in seen] == [("stopped", {"sizes": [{"case": "a"}]})]
    assert told(bench)["one"]["state"] == "stopped"


def test_a_stage_that_is_out_of_time_says_so_and_is_no_failure(bench: Bench, pretend) -> None:
    def slow(bench: Bench, found: Found) -> None:
        found.add("sizes", {"case": "a"})
        bench.deadline = time.monotonic()
        bench.left()

    pretend(one=slow)

    assert stages.run(bench, ["one"], 60) == 0
    assert told(bench)["one"]["state"] == "out of time"
    assert told(bench)["one"]["tables"] == {"sizes": [{"case": "a"}]}


def test_what_a_stage_does_not_need_the_next_ones_get(bench: Bench, pretend) -> None:
    given: list[float] = []
    pretend(**{name: lambda bench, _found: given.append(bench.deadline - time.monotonic()) for name in "abc"})

    stages.run(bench, ["a", "b", "c"], 90)

    assert given == pytest.approx([30, 45, 90], abs=5)


def test_a_later_call_keeps_what_an_earlier_one_found(bench: Bench, pretend) -> None:
    pretend(one=lambda _bench, found: found.fail("first"), two=lambda _bench, found: found.note("second"))

    assert stages.run(bench, ["one"], 60) == 1
    assert stages.run(bench, ["two"], 60) == 0

    assert [(name, one["failures"], one["notes"]) for name, one in told(bench).items()] == [
        ("one", ["first"], []),
        ("two", [], ["second"]),
    ]


def test_every_stage_has_a_module_that_runs_it() -> None:
    for stage in stages.STAGES.values():
        assert callable(stages.import_module(stage.module).run)


def test_found_comes_back_as_it_was_written(tmp_path: Path) -> None:
    found = Found("one", environment={"gpu": "H200"}, seconds=1.5, state="complete")
    found.add("sizes", {"case": "a", "rel_l2": None})
    found.fail("x")
    (tmp_path / "one.json").write_text(json.dumps(found.document()))
    assert read(tmp_path / "one.json").document() == found.document()


# Commands


def test_a_command_that_outlasts_its_time_is_interrupted_and_its_log_kept(bench: Bench, monkeypatch) -> None:
    monkeypatch.setattr(benches, "_KEPT_FOR_END", 0.0)
    bench.deadline = time.monotonic() + 2
    script = "import time\ntry:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('what I have', flush=True)"

    assert bench.run([sys.executable, "-c", script]) == 130

    assert bench.log.read_text().endswith("what I have\n")
    with pytest.raises(OutOfTime):
        bench.run([sys.executable, "-c", ""])


def test_a_command_that_ignores_the_interrupt_is_killed(bench: Bench, monkeypatch) -> None:
    monkeypatch.setattr(benches, "_KEPT_FOR_END", 0.0)
    monkeypatch.setattr(benches, "_TO_END", 0.5)
    bench.deadline = time.monotonic() + 2
    ignoring = "import os, signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    script = f"{ignoring}print(os.getpid(), flush=True)\ntime.sleep(60)"

    assert bench.run([sys.executable, "-c", script]) == 130

    with pytest.raises(ProcessLookupError):
        os.kill(int(bench.log.read_text().split()[-1]), 0)


def test_a_command_of_the_harness_reports_as_json(bench: Bench) -> None:
    (bench.folder("configs") / "bad.yaml").write_text("pipeline: 3\n")
    ran = bench.harness("verify", configs=bench.folder("configs"), goldens=bench.folder("none"))
    assert (ran.code, ran.cases) == (2, [])
    assert "bad.yaml" in bench.log.read_text()


# Archives


def test_archives_are_small_and_hold_every_file(bench: Bench, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(packing, "MOST", packing._MARGIN + 12_000)
    folder = tmp_path / "files"
    folder.mkdir()
    sizes = {"a": 5000, "b": 2000, "c": 3000, "d": 20_000, "e": 10}
    for name, size in sizes.items():
        (folder / name).write_bytes(os.urandom(size))
    (bench.out / "goldens-7.tar.gz").write_text("of an earlier call")

    left_out = packing.pack(bench, "goldens", folder, sorted(folder.iterdir()))

    assert left_out == ["d: 0 MiB, too large"]
    archives = sorted(bench.out.glob("*"))
    assert [path.name for path in archives] == ["goldens-1.tar.gz", "goldens-2.tar.gz"]
    assert all(path.stat().st_size <= packing.MOST for path in archives)
    held = []
    for path in archives:
        with tarfile.open(path) as archive:
            held.append(archive.getnames())
    assert held == [["a", "b"], ["c", "e"]]


# Cases


def test_the_cases_of_a_gpu_are_those_whose_model_is_there(tmp_path: Path) -> None:
    bench = Bench(ROOT, tmp_path / "work", tmp_path / "out", "cuda", stage="goldens")
    cases = variations.prepared(bench)
    names = [case.id for case in cases]
    assert names[0] == "sd/ddim-latents"
    expected = {case.id for case in load_cases(ROOT / "configs").cases if not case.id.startswith("hub/")}
    varied = {
        f"gpu/ddim-latents@generator={kind},model.dtype={dtype}"
        for kind in ("cpu", "device")
        for dtype in ("float32", "float16", "bfloat16")
    }
    assert set(names) == expected | varied
    assert set(names[1:7]) == varied
    assert not (ROOT / "configs/gpu").exists()


def test_a_variation_changes_what_it_names_and_drops_what_needs_more_runs(
    bench: Bench, tmp_path: Path
) -> None:
    changes = {"determinism.tf32": True, "determinism.threads": 2, "trace": "none"}
    variations.varied(bench, tmp_path, "ddim/cpu-generator", "switches/tf32", changes)
    assert yaml.safe_load((tmp_path / "switches/tf32.yaml").read_text()) == {
        "pipeline": "DDIMPipeline",
        "model": {"id": "builtin:ddpm-digits"},
        "steps": 2,
        "seed": 0,
        "generator": "cpu",
        "call": {"output_type": "np"},
        "determinism": {"tf32": True, "threads": 2},
        "trace": "none",
    }


def test_every_variation_of_every_stage_is_a_valid_config(tmp_path: Path) -> None:
    from scripts.evidence import gpu_tests, switches

    bench = Bench(ROOT, tmp_path / "work", tmp_path / "out", "cuda", stage="switches")
    for source in (variations.LATENTS, variations.SHORT[0]):
        for one in switches.VARIATIONS:
            variations.varied(bench, tmp_path / "configs", source, f"{source}/{one.name}", one.changes)
    for name, changes in gpu_tests._cases(bench).items():
        variations.varied(bench, tmp_path / "configs", variations.LATENTS, name, changes)
    cases = load_cases(tmp_path / "configs").cases
    assert len(cases) == 2 * len(switches.VARIATIONS) + len(gpu_tests._cases(bench))


# The command


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--stage", "golden"], "argument --stage: invalid choice: 'golden'"),
        (["--seconds", "0"], "--seconds 0: expected at least 1"),
        (["--device", "mps"], "argument --device: invalid choice: 'mps'"),
    ],
)
def test_bad_usage(words: list[str], says: str, capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        gpu_evidence.options(words)
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


def test_it_ends_with_130_when_it_is_stopped(monkeypatch, tmp_path: Path, capsys) -> None:
    def stopped(*_given: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setenv("OUT", str(tmp_path))
    monkeypatch.setattr(stages, "run", stopped)
    assert gpu_evidence.main([]) == 130
    assert capsys.readouterr().err == f"stopped; {tmp_path} keeps what was done, --stage goes on with it\n"


def script(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "scripts" / words[0], *words[1:]],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_machine_that_lacks_something(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    done = script("gpu_evidence.sh", PYTHON=str(bare / "bin/python"), WORK=str(tmp_path / "work"))
    assert done.returncode == 3
    assert done.stderr == (
        f"PYTHON={bare}/bin/python: has no torch; name the Python that has torch and transformers: PYTHON=...\n"
    )
    done = script("gpu_evidence.sh", PYTHON=sys.executable, WHEELS=str(tmp_path), WORK=str(tmp_path / "work"))
    assert done.returncode == 3
    assert done.stderr == (
        f"WHEELS={tmp_path}: no wheels there; run scripts/gpu_wheels.sh where there is a package index, "
        "and bring the folder\n"
    )
    assert not (tmp_path / "work").exists()


def test_an_unknown_option_of_the_wheels() -> None:
    done = script("gpu_wheels.sh", "--loch")
    assert done.returncode == 2
    assert done.stderr == "--loch: no such option; usage: scripts/gpu_wheels.sh [FOLDER | --lock]\n"


def test_the_table_of_a_summary_has_every_column() -> None:
    assert summary.table("t", [{"a": 1, "b": None}, {"a": "x\ny", "c": False}]) == [
        "t",
        "a    b  c",
        "1    -  -",
        "x y  -  no",
    ]
