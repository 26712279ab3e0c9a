"""Pipelines in a file of the user's own: named by a path, looked for, never run."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.load import load_cases
from harness.config.pipelines.own import OwnPipeline, own_pipeline
from tests.config.folder import only_case, problems, write

MODEL = "\nmodel: {id: 'builtin:sd-digits'}\n"


@pytest.mark.parametrize(
    ("pipeline", "own"),
    [
        ("./mine.py:Mine", OwnPipeline("./mine.py", "Mine")),
        ("../a:b/mine.py:Mine", OwnPipeline("../a:b/mine.py", "Mine")),
        ("/src/mine.py:Mine", OwnPipeline("/src/mine.py", "Mine")),
        ("DDIMPipeline", None),
        ("auto", None),
        ("./mine.py", None),
        (3, None),
    ],
)
def test_a_path_with_a_class_is_a_users_own_pipeline(pipeline: object, own: OwnPipeline | None) -> None:
    assert own_pipeline(pipeline) == own


def test_it_may_lie_anywhere_and_is_not_run(configs: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("raise SystemExit\nclass Mine(Base): pass\n")
    for number, path in enumerate(["../mine.py", f"{tmp_path}/mine.py", "./../mine.py"]):
        write(configs, **{f"c{number}": f"pipeline: {path}:Mine{MODEL}"})
    found = {file.path for case in load_cases(configs).cases for file in case.inputs}
    assert found == {str(tmp_path.resolve() / "mine.py")}


def test_a_class_may_be_made_or_imported_there(configs: Path) -> None:
    (configs / "mine.py").write_text("from other import Mine\n")
    write(configs, a="pipeline: ./mine.py:Mine" + MODEL)
    assert only_case(configs).pipeline == "./mine.py:Mine"


@pytest.mark.parametrize(
    ("pipeline", "problem"),
    [
        ("./gone.py:Mine", "no such file ./gone.py; paths are relative to this config file"),
        ("./mine.py:Min", "./mine.py has no class of this name; it has Mine, Yours"),
        ("./empty.py:Mine", "./empty.py has no class of this name; it has none"),
        ("./latin.py:Mine", "./latin.py is not UTF-8 text; save it as UTF-8"),
        (
            "mine.py:Mine",
            "expected a pipeline class of diffusers, 'auto', or ./file.py:ClassName for a pipeline of your own "
            "(a path that starts with ./, ../ or /)",
        ),
    ],
)
def test_others_are_one_problem(configs: Path, pipeline: str, problem: str) -> None:
    (configs / "mine.py").write_text("class Mine:\n    class Inner: pass\n\nclass Yours(Mine): pass\n")
    (configs / "empty.py").write_text("")
    (configs / "latin.py").write_bytes(b"# caf\xe9\nclass Mine: pass\n")
    write(configs, a=f"pipeline: {pipeline}" + MODEL)
    assert problems(configs) == [f'configs/a.yaml: pipeline = "{pipeline}": {problem}']
