"""Every command obeys every option that it has: each pair of the two is proven here, or names the test that does."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from harness.core.environment import Environment
from harness.parser import parser
from tests.golden.builders import environment
from tests.support import workers
from tests.support.project import ROOT, Project
from tests.support.workers import UNTRACED, FakeWorkers

RUNNING = ("record", "verify", "explain", "blame", "calibrate", "sensitivity", "repeat")
GOLDEN = "goldens/a/cpu-x86_64.safetensors"


class Bench:
    """A recorded project of the cases a and b in the current folder, whose commands run in this process."""

    def __init__(self, project: Project, ran: FakeWorkers, capsys: pytest.CaptureFixture[str]) -> None:
        self.project, self.ran, self._capsys = project, ran, capsys
        self.asked: list[str] = []

    def run(self, command: str, *words: str) -> tuple[int, str]:
        """The exit code, and what standard output shows, without the seconds."""
        self.ran.pool.conducted.clear()
        self.ran.pool.jobs.clear()
        self.ran.nowhere = command == "sensitivity"  # whose runs need a trace
        self._capsys.readouterr()
        code = main([command, *NEEDED.get(command, ()), *words])
        shown = self._capsys.readouterr().out
        return code, shown if "-" in words else re.sub(r"\d+\.\d+ s\b|\b\d+\.\d\n", "", shown)

    def json(self, command: str, *words: str) -> Any:
        """What the command writes as JSON."""
        self.run(command, *words, "--json", "result.json")
        return json.loads(Path("result.json").read_text())


NEEDED = {
    "record": ("--no-gates", "--update"),
    "repeat": ("--runs", "2"),
    "compare": (GOLDEN, "goldens/b/cpu-x86_64.safetensors"),
}
"""What each command is called with besides, so that it does something small."""


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bench:
    monkeypatch.setenv("HOME", str(tmp_path))
    project = Project(tmp_path / "project")
    project.config("a", UNTRACED + "min_sensitivity: 0.5\ntags: [smoke]\n")
    project.config("b", UNTRACED)
    monkeypatch.chdir(project.folder)
    ran = workers.install(monkeypatch)
    bench = Bench(project, ran, capsys)

    def fingerprint(device: str, *_given: object) -> Environment:
        bench.asked.append(device)
        return environment()

    monkeypatch.setattr("harness.commands.env.fingerprint", fingerprint)
    monkeypatch.setattr("harness.trials.session.fingerprint", fingerprint)
    assert bench.run("record", "--quiet")[0] == 0
    assert bench.run("verify", "--quiet")[0] == 0
    return bench


def pairs() -> Iterator[tuple[str, str]]:
    """Every command with every option and argument that it has."""
    [commands] = [one for one in parser()._actions if isinstance(one, argparse._SubParsersAction)]
    for name, command in commands.choices.items():
        for action in command._actions:
            if not isinstance(action, argparse._HelpAction):
                yield name, action.option_strings[-1] if action.option_strings else str(action.metavar)


def selects(bench: Bench, command: str) -> None:
    if command in RUNNING:
        bench.run(command, "b")
        assert bench.ran.cases() == {"b"}
        bench.run(command)
        assert bench.ran.cases() == {"a", "b"}
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


def update(bench: Bench, command: str) -> None:
    bench.ran.value = 0.75
    before = Path(GOLDEN).read_bytes()
    main([command, "--no-gates"])
    assert Path(GOLDEN).read_bytes() == before
    main([command, "--no-gates", "--update"])
    assert Path(GOLDEN).read_bytes() != before


def no_gates(bench: Bench, command: str) -> None:
    bench.run(command)
    assert len(bench.ran.pool.conducted) == 4
    bench.ran.pool.conducted.clear()
    main([command, "--update"])
    assert len(bench.ran.pool.conducted) > 4


def allow_missing(bench: Bench, command: str) -> None:
    Path(GOLDEN).unlink()
    assert bench.run(command)[0] == 1
    assert bench.run(command, "--allow-missing")[0] == 0


def strict(bench: Bench, command: str) -> None:
    bench.ran.nowhere = True
    assert main([command]) == 0
    assert main([command, "--strict"]) == 1


def runs(bench: Bench, command: str) -> None:
    bench.run(command, "a", "--runs", "5")
    assert len(bench.ran.pool.conducted) == 5


def reuse(bench: Bench, command: str) -> None:
    bench.run(command, "a", "--reuse")
    assert len(bench.ran.pool.conducted) == 4


def flags(bench: Bench, command: str) -> None:
    for choice, expected in (("on", {True}), ("off", {False}), ("both", {True, False})):
        bench.run(command, "a", "--flags", choice)
        assert {run.case.determinism.algorithms for run in bench.ran.pool.conducted} == expected


def markdown(bench: Bench, command: str) -> None:
    bench.run(command, "--markdown", "m.md")
    assert "## harness verify" in Path("m.md").read_text()


def no_annotations(bench: Bench, command: str) -> None:
    bench.ran.value = 0.75
    bench.run("verify")
    assert "::" not in bench.run(command)[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GITHUB_ACTIONS", "true")
        assert bench.run(command)[1].count("\n::error file=configs/") == 2
        assert "::" not in bench.run(command, "--no-annotations")[1]


def document(bench: Bench, command: str) -> None:
    config, report = bench.run(command)[1], bench.run(command, "report")[1]
    assert "not_run" in json.loads(report)["properties"]
    assert "not_run" not in json.loads(config)["properties"]


def delete(bench: Bench, command: str) -> None:
    unused = Path(GOLDEN.replace("a/", "gone/"))
    unused.parent.mkdir()
    unused.write_bytes(Path(GOLDEN).read_bytes())
    bench.run(command)
    assert unused.is_file()
    bench.run(command, "--delete")
    assert not unused.exists()


def everything(bench: Bench, command: str) -> None:
    for name in "cdef":
        unused = Path(GOLDEN.replace("a/", f"{name}/"))
        unused.parent.mkdir()
        unused.write_bytes(Path(GOLDEN).read_bytes())
    assert bench.run(command, "--delete")[0] == 2
    assert unused.is_file()
    assert bench.run(command, "--delete", "--all")[0] == 0
    assert not unused.exists()


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

PROOFS: dict[tuple[str, str], Callable[[Bench, str], None] | str] = {
    ("record", "--update"): update,
    ("record", "--no-gates"): no_gates,
    ("record", "--reason"): "tests/commands/test_accept.py",
    ("accept", "--reason"): "tests/commands/test_accept.py",
    ("accept", "--from"): "tests/commands/test_accept.py",
    ("accept", "--draft"): "tests/commands/test_accept_draft.py",
    ("accept", "--confirm"): "tests/commands/test_accept_draft.py",
    ("accept", "--interactive"): "tests/commands/test_accept_interactive.py",
    **{
        ("diff", option): "tests/commands/test_diff.py"
        for option in ("CASE", "N", "M", "--platform", "--root", "--goldens", "--quiet", "--json")
    },
    **{
        ("rename", option): "tests/commands/test_rename.py"
        for option in (
            "OLD",
            "NEW",
            "--goldens-only",
            "--root",
            "--configs",
            "--goldens",
            "--quiet",
            "--json",
        )
    },
    ("reject", "--reason"): "tests/commands/test_reject.py",
    ("reject", "--from"): "tests/commands/test_reject.py",
    ("verify", "--allow-missing"): allow_missing,
    ("verify", "--strict"): strict,
    **{
        ("verify", option): "tests/commands/test_verify_with.py"
        for option in (
            "--with",
            "--or-with",
            "--with-lock",
            "--with-date",
            "--with-matrix",
            "--installer",
            "--allow-sdist",
            "--yes",
        )
    },
    **{
        ("blame", option): "tests/commands/test_blame.py"
        for option in (
            "--good",
            "--bad",
            "--since",
            "--bitwise",
            "--min-rel-l2",
            "--all-changes",
            "--installer",
            "--allow-sdist",
            "--yes",
        )
    },
    **{
        ("blame", option): "tests/upgrade/blame/test_commission.py"
        for option in (
            "SELECT",
            "--configs",
            "--goldens",
            "--out",
            "--device",
            "--jobs",
            "--json",
            "--quiet",
        )
    },
    ("explain", "--deep"): "tests/support/faults/rig.py",
    ("sensitivity", "--no-ladder"): "tests/commands/test_sensitivity.py",
    ("sensitivity", "--stored"): "tests/commands/test_stored_mutation.py",
    ("repeat", "--runs"): runs,
    ("repeat", "--reuse"): reuse,
    ("repeat", "--flags"): flags,
    ("verify", "--no-annotations"): no_annotations,
    ("report", "--no-annotations"): no_annotations,
    ("report", "--html"): "tests/commands/test_report.py",
    ("schema", "DOCUMENT"): document,
    ("prune", "--delete"): delete,
    ("prune", "--all"): everything,
    ("env", "--portable"): "tests/commands/test_env_portable.py",
    ("env", "--all"): "tests/commands/test_env_portable.py",
    ("env", "--environments"): "tests/commands/test_env_environments.py",
    ("env", "--prune"): "tests/commands/test_env_environments.py",
}
"""What one command alone has; where real traces are needed, the tests that have them."""


def proof_of(pair: tuple[str, str]) -> Callable[[Bench, str], None] | str:
    found = PROOFS.get(pair) or EVERYWHERE.get(pair[1])
    assert found, f"nothing proves that {' '.join(pair)} has an effect"
    return found


@pytest.mark.parametrize("pair", list(pairs()), ids=" ".join)
def test_it_has_an_effect(pair: tuple[str, str], bench: Bench) -> None:
    command, option = pair
    proof = proof_of(pair)
    if isinstance(proof, str):
        text = (ROOT / proof).read_text()
        assert f'"{command}"' in text
        assert f'"{option}"' in text
    else:
        proof(bench, command)


def test_no_proof_is_left_over() -> None:
    there = set(pairs())
    assert PROOFS.keys() <= there
    assert EVERYWHERE.keys() <= {option for _, option in there}


def test_the_readme_s_table_of_common_options_is_the_parser() -> None:
    text = (ROOT / "README.md").read_text()
    [table] = re.findall(r"\| common option \| of \| .* \|\n\|[- |]+\n((?:\|.*\n)+)", text)
    stated = set()
    for row in table.splitlines():
        option, commands = row.split("|")[1:3]
        [name] = re.findall(r"[A-Z]+|--[a-z]+", option)[:1]
        stated |= {(command, name) for command in _named(commands)}
    assert stated == {pair for pair in pairs() if pair[1] in EVERYWHERE and len(pair[1]) > 1}


def _named(cell: str) -> set[str]:
    """The commands in a cell of the table: those that run cases, and names, or `all but` names."""
    names = set(re.findall(r"`([a-z]+)`", cell))
    if "all but" in cell:
        return {command for command, _ in pairs()} - names
    return names | (set(RUNNING) if "commands that run cases" in cell else set())
