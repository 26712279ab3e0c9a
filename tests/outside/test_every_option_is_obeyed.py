"""Every command obeys every option that it has: each pair of the two is proven here, or names the test that does."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.cli import main
from harness.core.environment import Environment
from harness.parser import parser
from tests.golden.builders import environment
from tests.outside.common_options import EVERYWHERE
from tests.outside.proven_elsewhere import PROVEN
from tests.support import workers
from tests.support.bench import GOLDEN, RUNNING, Bench
from tests.support.project import ROOT, Project
from tests.support.workers import UNTRACED


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


def no_annotations(bench: Bench, command: str) -> None:
    bench.ran.value = 0.75
    bench.run("verify")
    assert "::" not in bench.run(command)[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GITHUB_ACTIONS", "true")
        assert bench.run(command)[1].count("\n::error file=configs/") == 2
        assert "::" not in bench.run(command, "--no-annotations")[1]


def merge(bench: Bench, command: str) -> None:
    bench.run("verify", "a", "--out", "shard")
    assert bench.run(command, "merge", "shard", "--out", "all")[0] == 0
    found = json.loads(Path("all/report.json").read_text())["cases"]
    assert [case["case"] for case in found] == ["a"]
    bench.run("verify", "b", "--out", "other")
    assert bench.run(command, "merge", "shard", "other/report.json", "--out", "all")[0] == 0
    assert len(json.loads(Path("all/report.json").read_text())["cases"]) == 2


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


def model(bench: Bench, command: str) -> None:
    before = {*Path("configs").rglob("*.yaml")}
    assert bench.run(command, "builtin:sd-digits")[0] == 0
    [written] = {*Path("configs").rglob("*.yaml")} - before
    assert "builtin:sd-digits" in written.read_text()


def shell(bench: Bench, command: str) -> None:
    assert "#compdef" in bench.run(command, "zsh")[1]
    assert "#compdef" not in bench.run(command, "bash")[1]


PROOFS: dict[tuple[str, str], Callable[[Bench, str], None] | str] = {
    ("record", "--update"): update,
    ("record", "--no-gates"): no_gates,
    ("verify", "--allow-missing"): allow_missing,
    ("verify", "--strict"): strict,
    ("repeat", "--runs"): runs,
    ("repeat", "--reuse"): reuse,
    ("repeat", "--flags"): flags,
    ("verify", "--no-annotations"): no_annotations,
    ("report", "--no-annotations"): no_annotations,
    ("report", "merge"): "tests/commands/test_report_merge.py",
    ("report", "REPORT"): merge,
    ("report", "--html"): "tests/outside/test_the_page_of_a_report.py",
    ("report", "--pictures"): "tests/commands/test_show.py",
    ("list", "--pictures"): "tests/commands/test_show.py",
    ("show", "--no-inline"): "tests/commands/test_show.py",
    ("schema", "DOCUMENT"): document,
    ("prune", "--delete"): delete,
    ("prune", "--all"): everything,
    ("init", "MODEL"): model,
    ("completion", "SHELL"): shell,
    **PROVEN,
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
