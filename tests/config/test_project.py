"""The root of a project, and the options that its pyproject.toml sets."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from harness.config.project import Project, Settings, at, find, nearly
from harness.errors import ConfigError, UsageError

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))


def folder(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).mkdir(parents=True, exist_ok=True)
    return root


def test_two_folders_make_a_root_and_one_does_where_one_is(tmp_path: Path) -> None:
    root = folder(tmp_path / "p", "configs/ddim", "goldens", "a/b", "only/configs/x")
    assert find(root) == find(root / "configs/ddim") == find(root / "a/b") == Project(root)
    assert find(root / "only") == Project(root / "only")
    assert find(root / "only/configs/x") == Project(root)
    assert nearly(root / "only/configs/x") == root / "only"


def test_without_any_the_folder_itself_stands_in(tmp_path: Path) -> None:
    alone = folder(tmp_path / "p", "configs", "x") / "x"
    assert find(alone) == Project(alone, found=False)
    assert nearly(tmp_path) is None


def test_a_file_of_that_name_is_no_folder(tmp_path: Path) -> None:
    root = folder(tmp_path / "p", "configs", "x")
    (root / "goldens").write_text("")
    assert not find(root / "x").found


def test_the_table_counts_before_what_lies_further_up(tmp_path: Path) -> None:
    root = folder(tmp_path / "p", "configs", "goldens", "a/b")
    (root / "a/pyproject.toml").write_text('[tool.harness]\ngoldens = "/abs"\njobs = 4\n')
    assert find(root / "a/b") == Project(root / "a", Settings(goldens=Path("/abs"), jobs=4))
    assert find(root / "a").settings.goldens == Path("/abs")


def test_a_root_that_is_named(tmp_path: Path) -> None:
    root = folder(tmp_path / "p", "configs", "x/y")
    assert at(Path("p"), tmp_path) == at(root, Path("/")) == at(Path("../.."), root / "x/y") == Project(root)
    with pytest.raises(UsageError, match=r"^x: has neither configs/ nor a table"):
        at(Path("x"), root)
    (root / "x/pyproject.toml").write_text("[tool.harness]\n")
    assert at(Path("x"), root).root == root / "x"


@pytest.mark.parametrize(
    "line",
    [
        'jobs = "2"', "jobs = 0", "jobs = true", "jobs = 1.5", 'device = "cuda:x"', "device = 1", 'out = ""',
        "out = []", "configs = {}", 'select = "x"', 'json = "x"',
    ],
)  # fmt: skip
def test_values_that_are_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.harness]\n{line}\n")
    with pytest.raises(ConfigError) as caught:
        find(tmp_path)
    [problem] = caught.value.problems
    assert (problem.file, problem.key) == ("pyproject.toml", f"tool.harness.{line.partition(' ')[0]}")


@pytest.mark.parametrize(("line", "jobs"), [('jobs = "auto"', "auto"), ("jobs = 3", 3), ("", "auto")])
def test_jobs_are_a_number_or_left_to_the_machine(tmp_path: Path, line: str, jobs: int | str) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.harness]\n{line}\n")
    assert find(tmp_path).settings.jobs == jobs


def test_the_readme_s_example_is_accepted(tmp_path: Path) -> None:
    [example] = re.findall(r"```toml\n(.*?)```", README.read_text(), re.DOTALL)
    (tmp_path / "pyproject.toml").write_text(example)
    stated = tomllib.loads(example)["tool"]["harness"]
    settings = find(tmp_path).settings
    assert {name: getattr(settings, name) for name in stated} == {
        name: Path(value) if name in ("configs", "goldens", "out") else value
        for name, value in stated.items()
    }
    assert stated.keys() == set(Settings.__dataclass_fields__)
