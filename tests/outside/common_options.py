"""How each option that several commands have is proven to have an effect, whatever the command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.cli import main
from tests.support.bench import GOLDEN, NEEDED, RUNNING, Bench
from tests.support.workers import UNTRACED


def selects(bench: Bench, command: str) -> None:
    if command in RUNNING:
        bench.run(command, "b")
        assert bench.ran.cases() == {"b"}
        bench.run(command)
        assert bench.ran.cases() == {"a", "b"}
    elif command == "show":
        with pytest.MonkeyPatch.context() as patch:
            patch.delitem(NEEDED, "show")
            assert [case["case"] for case in bench.json(command, "b")["cases"]] == ["b"]
    elif command == "prune":
        Path("configs/b.yaml").unlink()
        assert bench.run(command, "a")[0] == 0
        assert bench.run(command, "b")[0] == 1
    else:
        assert [case["case"] for case in bench.json(command, "b")["cases"]] == ["b"]
        assert [case["case"] for case in bench.json(command)["cases"]] == ["a", "b"]


def configs(bench: Bench, command: str) -> None:
    Path("others").mkdir()
    for name in "ac":
        Path(f"others/{name}.yaml").write_text(UNTRACED)
    if command in RUNNING:
        bench.run(command, "--configs", "others")
        assert bench.ran.cases() == {"a", "c"}
    elif command == "log":
        assert bench.run(command, "tag:smoke")[0] == 0
        assert bench.run(command, "tag:smoke", "--configs", "others")[0] == 2
    elif command == "prune":
        assert GOLDEN.replace("a/", "b/") in bench.run(command, "--configs", "others")[1]
        assert GOLDEN.replace("a/", "b/") not in bench.run(command)[1]
    else:
        assert "a" in [case["case"] for case in bench.json(command, "--configs", "others")["cases"]]
        assert bench.run(command, "b", "--configs", "others")[0] == 2
        assert bench.run(command, "b")[0] == 0


def goldens(bench: Bench, command: str) -> None:
    Path("empty").mkdir()
    Path("goldens/gone").mkdir()
    Path("goldens/gone/cpu-x86_64.safetensors").write_bytes(Path(GOLDEN).read_bytes())
    if command in ("record", "accept"):
        bench.run(command, "--goldens", "empty")
        assert Path("empty/a/cpu-x86_64.safetensors").is_file()
    elif command == "reject":
        bench.ran.value = 0.75
        assert bench.run("verify", "a")[0] == 1
        bench.run(command, "--goldens", "empty", "--reason", "why")
        assert [path.name for path in Path("empty/a").iterdir()] == ["cpu-x86_64.rejected.json"]
    elif command == "sensitivity":
        # What the faults taught is kept beside a golden, which is not there.
        assert "no golden in empty" in bench.run(command, "--stored", "--goldens", "empty")[1]
        assert "no golden in goldens" not in bench.run(command, "--stored")[1]
    else:
        assert bench.run(command, "--goldens", "empty") != bench.run(command)


def out(bench: Bench, command: str) -> None:
    if command in ("accept", "reject", "report"):
        Path("out").rename("moved")
        assert bench.run(command)[0] == 2
        assert bench.run(command, "--out", "moved")[0] == 0
    elif command == "show":
        assert bench.json(command)["cases"][0]["capture"].startswith("out/")
        assert bench.json(command, "--out", "deep/er")["cases"][0]["capture"] is None
    else:
        bench.run(command, "--out", "deep/er")
        name = "report" if command == "verify" else command
        assert Path(f"deep/er/{name}.json").is_file()


def device(bench: Bench, command: str) -> None:
    if command in RUNNING:
        bench.run(command, "--device", "cuda:1")
        assert bench.ran.device == "cuda:1"
        bench.run(command)
        assert bench.ran.device == "auto"
    elif command == "show":
        Path("out").rename("moved")  # a run there tells the platform
        other = Path(GOLDEN).with_name("cuda-sm90.safetensors")
        other.write_bytes(Path(GOLDEN).read_bytes())
        assert bench.json(command, "--device", "cuda:1")["cases"][0]["golden"] == str(other)
        assert bench.json(command, "--device", "cpu")["cases"][0]["golden"] == GOLDEN
    elif command == "list":
        assert bench.json(command, "--device", "mps")["cases"][0]["device"] == "mps"
    else:
        bench.run(command, "--device", "mps")
        assert bench.asked[-1] == "mps"


def jobs(bench: Bench, command: str) -> None:
    bench.run(command, "--jobs", "3")
    assert set(bench.ran.pool.jobs) == {3}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "harness.run.capacity.workers", lambda _trials, device, _held: {"cpu": 5, "mps": 6}[device]
        )
        for words, expected in ((("--device", "cpu"), 5), (("--device", "mps", "--jobs", "auto"), 6)):
            bench.run(command, *words)
            assert set(bench.ran.pool.jobs) == {expected}


def as_json(bench: Bench, command: str) -> None:
    assert bench.json(command)["schema"] == 1
    shown = bench.run(command, "--json", "-")[1]
    assert json.loads(shown)["schema"] == 1


def quiet(bench: Bench, command: str) -> None:
    if command == "calibrate":
        for name in "ab":
            bench.project.config(name, UNTRACED + "nondeterministic: allow\n")
    if command == "prune":
        Path("configs/b.yaml").unlink()
    loud, hushed = bench.run(command), bench.run(command, "--quiet")
    assert loud[0] == hushed[0]
    assert len(hushed[1]) < len(loud[1])


def root(bench: Bench, command: str) -> None:
    here = bench.project.folder
    expected = bench.run(command)
    with pytest.MonkeyPatch.context() as elsewhere:
        elsewhere.chdir(here.parent)
        assert bench.run(command)[0] == 2
        assert bench.run(command, "--root", "project") == expected


def junit(bench: Bench, command: str) -> None:
    bench.run(command, "--junit", "j.xml")
    assert Path("j.xml").read_text().count("<testcase ") == 2


def relation(bench: Bench, command: str) -> None:
    found = bench.json(command, "--relation", "cross-hardware")["cases"]
    assert {case["relation"] for case in found} == {"cross-hardware"}
    assert {case["relation"] for case in bench.json(command)["cases"]} == {"same"}


def forced(bench: Bench, command: str) -> None:
    assert bench.run(command)[0] == 0
    # There is nothing to replay in goldens without a trace, and half a judgement is none.
    assert bench.run(command, "--forced")[0] == 3


def markdown(bench: Bench, command: str) -> None:
    bench.run(command, "--markdown", "m.md")
    assert "## harness verify" in Path("m.md").read_text()


def two_files(bench: Bench, command: str) -> None:
    golden, other = GOLDEN, "other.safetensors"
    bench.ran.value = 0.75
    bench.run("verify", "a")
    Path(other).write_bytes(Path("out/captures/a/capture.safetensors").read_bytes())
    if command == "compare":
        assert main([command, golden, other]) == 1
        assert main([command, other, other]) == 0
    else:
        assert golden in bench.run(command, golden, other)[1]
        assert bench.json(command, golden, other)["changes"] == []


EVERYWHERE: dict[str, Callable[[Bench, str], None]] = {
    "SELECT": selects,
    "--root": root,
    "--configs": configs,
    "--goldens": goldens,
    "--out": out,
    "--device": device,
    "--jobs": jobs,
    "--json": as_json,
    "--quiet": quiet,
    "--junit": junit,
    "--markdown": markdown,
    "--relation": relation,
    "--forced": forced,
    "A": two_files,
    "B": two_files,
}
"""How an option that several commands have is proven for each of them."""
