"""Commands work from any folder of a project, as git's and ruff's do, and give the same reports."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.cli import main
from tests.support import workers
from tests.support.project import Project
from tests.support.workers import UNTRACED, FakeWorkers

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> FakeWorkers:
    return workers.install(monkeypatch)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ran: FakeWorkers) -> Project:
    """A recorded project of two cases below a home, entered at its root."""
    monkeypatch.setenv("HOME", str(tmp_path))
    project = Project(tmp_path / "work/project")
    project.config("ddim/two", UNTRACED + "tags: [smoke]\n")
    project.config("other", UNTRACED)
    monkeypatch.chdir(project.folder)
    assert main(["record", "--no-gates", "--quiet"]) == 0
    (project.folder / "src/deep").mkdir(parents=True)
    return project


FOLDERS = ["configs", "configs/ddim", "goldens/ddim/two", "src/deep"]


@pytest.mark.parametrize("folder", FOLDERS)
def test_verify_gives_the_same_report(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: Captured, folder: str
) -> None:
    assert main(["verify"]) == 0
    at_the_root = project.report()
    shown = capsys.readouterr()
    assert shown.err == ""
    monkeypatch.chdir(project.folder / folder)
    assert main(["verify"]) == 0
    again = capsys.readouterr()
    assert again.out == shown.out
    assert again.err == f"note: the project's root is {project.folder}\n"
    assert {**project.report(), "started": None} == {**at_the_root, "started": None}
    assert [case["golden"] for case in at_the_root["cases"]] == [
        "goldens/ddim/two/cpu-x86_64.safetensors",
        "goldens/other/cpu-x86_64.safetensors",
    ]
    assert not (project.folder / folder / "out").exists()
    assert Path.cwd() == project.folder / folder


@pytest.mark.parametrize(
    "words",
    [
        ["list", "--json", "{}/x.json"],
        ["record", "--no-gates"],
        ["repeat", "ddim/two", "--runs", "2"],
        ["accept"],
        ["reject", "--reason", "a fault"],
        ["log"],
        ["report"],
        ["prune"],
        ["sensitivity", "--stored"],
    ],
)
def test_every_command_of_a_project(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: Captured, words: list[str]
) -> None:
    assert main(["verify", "--quiet"]) == 0
    words = [word.format(project.folder) for word in words]
    capsys.readouterr()
    code = main(words)
    expected = capsys.readouterr().out
    monkeypatch.chdir(project.folder / "configs/ddim")
    assert main(words) == code
    shown = capsys.readouterr()
    assert shown.out == expected
    assert shown.err.startswith("note: the project's root is ")
    assert not (project.folder / "configs/ddim/out").exists()


def test_paths_that_are_typed_are_those_of_the_folder_one_is_in(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.folder / "src/deep")
    words = ["verify", "--out", "mine", "--json", "v.json", "--junit", "../v.xml"]
    assert main([*words, "--goldens", "../../goldens", "--configs", "../../configs"]) == 0
    assert (project.folder / "src/deep/mine/report.json").is_file()
    assert json.loads((project.folder / "src/deep/v.json").read_text())["summary"] == {"identical": 2}
    assert (project.folder / "src/v.xml").is_file()
    assert main(["report", "--out", "mine", "--markdown", "v.md"]) == 0
    assert (project.folder / "src/deep/v.md").is_file()
    assert main(["list", "--goldens", "../..", "--json", "../../../out.json"]) == 0
    listed = json.loads((project.folder.parent / "out.json").read_text())
    assert [case["goldens"] for case in listed["cases"]] == [[], []]
    absolute = str(project.folder / "absolute.json")
    assert main(["list", "--json", absolute]) == 0
    assert Path(absolute).is_file()


def test_a_link_in_a_typed_path_leads_where_it_leads(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.folder / "elsewhere/inner").mkdir(parents=True)
    (project.folder / "src/link").symlink_to(project.folder / "elsewhere/inner")
    monkeypatch.chdir(project.folder / "src")
    assert main(["list", "--json", "link/../x.json"]) == 0
    assert (project.folder / "elsewhere/x.json").is_file()


def test_ids_select_the_same_everywhere_and_paths_where_they_lie(
    project: Project, ran: FakeWorkers, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    def selected(*words: str) -> list[str]:
        assert main(["list", "--json", "-", *words]) == 0
        return [case["case"] for case in json.loads(capsys.readouterr().out)["cases"]]

    assert selected("configs/ddim/two.yaml") == ["ddim/two"]
    assert selected("./configs/ddim/") == ["ddim/two"]
    assert selected("configs/") == ["ddim/two", "other"]
    assert selected(str(project.folder / "configs/other.yaml")) == ["other"]
    assert selected("!configs/other.yaml") == ["ddim/two"]
    monkeypatch.chdir(project.folder / "configs/ddim")
    assert selected("ddim/two") == selected("two.yaml") == selected("./two.yaml") == ["ddim/two"]
    assert selected("../other.yaml", "ddim/*") == ["ddim/two", "other"]
    assert selected("!./") == ["other"]
    assert main(["list", "two"]) == 2
    (project.folder / "stray.yaml").write_text(UNTRACED)
    assert main(["list", "../../stray.yaml"]) == 2
    assert "../../stray.yaml: lies outside the configs folder configs" in capsys.readouterr().err


def test_the_nearest_project_wins(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    inner = Project(project.folder / "src")
    inner.config("inner", UNTRACED)
    monkeypatch.chdir(project.folder / "src/configs")
    assert main(["list"]) == 0
    assert (
        f"root is {project.folder}\n" in capsys.readouterr().err
    )  # no goldens yet, so not taken from within
    (inner.folder / "goldens").mkdir()
    assert main(["list"]) == 0
    assert f"root is {inner.folder}\n" in capsys.readouterr().err


def test_configs_alone_are_enough_in_the_folder_one_is_in(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    new = Project(project.folder / "src/new")
    new.config("first", UNTRACED)
    monkeypatch.chdir(new.folder)
    capsys.readouterr()
    assert main(["record", "--no-gates"]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert (new.folder / "goldens/first/cpu-x86_64.safetensors").is_file()
    monkeypatch.chdir(new.folder / "configs")
    assert main(["verify"]) == 0


def test_a_first_record_from_within_is_told_how(
    tmp_path: Path, ran: FakeWorkers, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    new = Project(tmp_path / "new")
    new.config("first", UNTRACED)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(new.folder / "configs")
    assert main(["record", "--no-gates"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: configs: no such folder, and no folder above is the root of a project")
    assert f"--root {new.folder}" in err
    assert main(["record", "--no-gates", "--root", ".."]) == 0
    assert (new.folder / "goldens/first/cpu-x86_64.safetensors").is_file()


@pytest.mark.parametrize("home", ["work/project/src", "work/project"])
def test_nothing_above_the_home_is_taken(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: Captured, tmp_path: Path, home: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / home))
    monkeypatch.chdir(project.folder / "src/deep")
    code = main(["list"])
    assert code == (0 if home == "work/project" else 2), capsys.readouterr().err


def test_root_names_it(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: Captured, tmp_path: Path
) -> None:
    (tmp_path / "apart").mkdir()
    monkeypatch.chdir(tmp_path / "apart")
    assert main(["verify", "--root", "../work/project", "--json", "v.json", "--out", "here"]) == 0
    assert f"root is {project.folder}\n" in capsys.readouterr().err
    report = json.loads(Path("v.json").read_text())
    assert report["cases"][0]["golden"] == "goldens/ddim/two/cpu-x86_64.safetensors"
    assert Path("here/report.json").is_file()
    for root, why in {
        ".": "has neither configs/ nor a table [tool.harness] in a pyproject.toml",
        "nowhere": "no such folder",
        "v.json": "is not a folder",
    }.items():
        assert main(["list", "--root", root]) == 2
        assert capsys.readouterr().err == f"error: {root}: {why}; name the project's root with --root\n"


def test_quiet_says_no_root(project: Project, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.chdir(project.folder / "configs")
    assert main(["verify", "--quiet"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("words", [["schema"], ["compare", "a", "b"], ["env", "a", "b"]])
def test_what_needs_no_project_looks_for_none(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: Captured, words: list[str]
) -> None:
    golden = project.folder / "goldens/other/cpu-x86_64.safetensors"
    (project.folder / "pyproject.toml").write_text("[tool.harness]\nno-such-key = 1\n")
    monkeypatch.chdir(project.folder / "src/deep")
    for name in "ab":
        Path(f"{name}.safetensors").write_bytes(golden.read_bytes())
    capsys.readouterr()
    assert main([word if len(word) > 1 else f"{word}.safetensors" for word in words]) == 0
    assert capsys.readouterr().err == ""


def test_pyproject_makes_a_root_and_sets_the_common_options(
    project: Project, ran: FakeWorkers, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    (project.folder / "configs").rename(project.folder / "cases")
    (project.folder / "goldens").rename(project.folder / "truth")
    table = (
        '[tool.harness]\nconfigs = "cases"\ngoldens = "truth"\nout = "build/out"\ndevice = "cpu"\njobs = 2\n'
    )
    (project.folder / "pyproject.toml").write_text(table)
    monkeypatch.chdir(project.folder / "cases/ddim")
    assert main(["verify"]) == 0
    assert json.loads((project.folder / "build/out/report.json").read_text())["summary"] == {"identical": 2}
    assert (ran.device, ran.pool.jobs[-1]) == ("cpu", 2)
    assert main(["verify", "--device", "mps", "--jobs", "3", "--out", "."]) == 0
    assert (ran.device, ran.pool.jobs[-1]) == ("mps", 3)
    assert (project.folder / "cases/ddim/report.json").is_file()


def test_an_empty_table_makes_a_root(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    (project.folder / "src/configs").mkdir()
    (project.folder / "src/configs/in.yaml").write_text(UNTRACED)
    (project.folder / "src/pyproject.toml").write_text("[tool.harness]\n")
    monkeypatch.chdir(project.folder / "src/deep")
    assert main(["list"]) == 0
    assert f"root is {project.folder / 'src'}\n" in capsys.readouterr().err


def test_all_that_is_wrong_in_pyproject_is_told_at_once(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    file = project.folder / "pyproject.toml"
    file.write_text('[tool.harness]\nconfig = "x"\njobs = 0\ndevice = "tpu"\nout = 3\ngoldens = ""\n')
    assert main(["list"]) == 2
    accepted = "configs, goldens, out, device, jobs, issue_label, issue_assignee"
    assert capsys.readouterr().err.splitlines()[1:] == [
        f"  pyproject.toml: tool.harness.config: unknown key; did you mean 'configs'? accepted: {accepted}",
        "  pyproject.toml: tool.harness.jobs = 0: expected auto or a whole number greater than 0",
        '  pyproject.toml: tool.harness.device = "tpu": expected one of auto, cpu, cuda, cuda:N, mps',
        "  pyproject.toml: tool.harness.out = 3: expected a folder, relative to this file",
        '  pyproject.toml: tool.harness.goldens = "": expected a folder, relative to this file',
    ]
    monkeypatch.chdir(project.folder / "src")
    assert main(["list"]) == 2
    assert f"  {file}: tool.harness.jobs = 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "[tool]\nharness = 3\n",
            'tool.harness = "3": expected a table with configs, goldens, out, device, jobs, '
            "issue_label, issue_assignee",
        ),
        (
            "[tool.harness]\njobs = true\n",
            "tool.harness.jobs = true: expected auto or a whole number greater than 0",
        ),
        ("[tool.harness.configs]\nx = 1\n", "tool.harness.configs = "),
        ("[tool.harness]\njobs = \n", "pyproject.toml: not TOML ("),
        (
            "[tool.harness]\n<<<<<<< HEAD\njobs = 1\n=======\njobs = 2\n>>>>>>> theirs\n",
            "pyproject.toml: line 2: unresolved merge conflict (<<<<<<< HEAD); resolve it",
        ),
    ],
)
def test_a_table_that_cannot_be_used(project: Project, capsys: Captured, text: str, complaint: str) -> None:
    Path("pyproject.toml").write_text(text)
    assert main(["list"]) == 2
    err = capsys.readouterr().err
    assert complaint in err
    assert "Traceback" not in err


@pytest.mark.parametrize("text", ["[tool.ruff]\n", "this is not TOML\n", "[tool]\n", "tool = 3\n", ""])
def test_the_pyproject_of_others_is_none_of_ours(project: Project, capsys: Captured, text: str) -> None:
    Path("pyproject.toml").write_text(text)
    assert main(["list"]) == 0


def test_workers_find_what_the_caller_s_variables_name(
    project: Project, ran: FakeWorkers, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, str, str]] = []
    outcome: Callable = ran.outcome

    def watched(*words: object) -> object:
        seen.append((os.getcwd(), os.environ["PYTHONPATH"], os.environ["HF_HOME"]))
        return outcome(*words)

    ran.pool.outcome_of = watched
    monkeypatch.chdir(project.folder / "src")
    monkeypatch.setenv("PYTHONPATH", f"deep{os.pathsep}/abs")
    monkeypatch.setenv("HF_HOME", "../hf")
    assert main(["verify", "--quiet"]) == 0
    assert set(seen) == {
        (str(project.folder), f"{project.folder}/src/deep{os.pathsep}/abs", f"{project.folder}/src/../hf")
    }
    assert (os.environ["PYTHONPATH"], os.environ["HF_HOME"]) == (f"deep{os.pathsep}/abs", "../hf")


def test_folders_above_that_may_not_be_looked_into(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    stat = Path.stat

    def refusing(path: Path, **options: bool) -> os.stat_result:
        if path.parent == project.folder:
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, **options)

    monkeypatch.chdir(project.folder / "src/deep")
    monkeypatch.setattr(Path, "stat", refusing)
    assert main(["list"]) == 2
    assert "no folder above is the root of a project" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["x" * 300 + ".yaml", "x" * 300 + "/"])
def test_names_that_no_file_system_has(project: Project, capsys: Captured, word: str) -> None:
    assert main(["list", word]) == 2
    assert "selects no case" in capsys.readouterr().err
    assert main(["list", "--root", word]) == 2
    assert "no such folder" in capsys.readouterr().err


def test_a_folder_that_is_gone(project: Project, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    gone = project.folder / "src/gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    try:
        assert main(["list"]) == 2
        assert "the current folder no longer exists" in capsys.readouterr().err
    finally:
        os.chdir(project.folder)
