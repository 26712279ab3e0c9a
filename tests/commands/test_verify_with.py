"""`harness verify --with`: what the command line means, and what comes out of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from harness.core.case import Case
from harness.core.results.candidate import Tried
from harness.core.results.verdict import CaseResult, Report, Verdict
from harness.upgrade import judging
from harness.upgrade.candidate import Candidate
from harness.upgrade.environments import Environments
from harness.upgrade.index import Index
from harness.upgrade.installer import Pip
from harness.upgrade.judging import Upgrades
from tests.support.project import Project
from tests.support.workers import UNTRACED


class Judged:
    """Stands in for the judgement of a candidate: every case gets the verdict of the candidate."""

    def __init__(self) -> None:
        self.asked: list[Candidate] = []
        self.how: list[Upgrades] = []
        self.folders: list[Path] = []
        self.installers: list[tuple[str, bool]] = []
        self.failing: frozenset[str] = frozenset()

    def judge(self, one: Candidate, cases: Sequence[Case], how: Upgrades, options: Any, *_: object) -> Report:
        self.asked.append(one)
        self.how.append(how)
        self.folders.append(options.out)
        verdict = Verdict.DRIFTED if set(one.requirements) & self.failing else Verdict.IDENTICAL
        results = tuple(CaseResult(case.id, verdict, "cpu-x86_64", None, None, (), 1.0) for case in cases)
        return Report(None, results, command="verify --with", candidate=Tried(one.asked))

    def installer(self, index: Index, wished: str, *, sdists: bool) -> Pip:
        self.installers.append((wished, sdists))
        return Pip(index)


@pytest.fixture
def judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Judged:
    project = Project(tmp_path)
    for name in ("a", "b"):
        project.config(name, UNTRACED)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    found = Judged()
    monkeypatch.setattr(judging, "judge_candidate", found.judge)
    monkeypatch.setattr(judging, "installer", found.installer)
    monkeypatch.setattr(judging, "configured", Index)
    return found


def test_with_adds_to_a_candidate_and_or_with_begins_another(judged: Judged) -> None:
    words = ["--with", "a==1", "--with", "b==2", "--or-with", "c==3", "--with", "d==4"]
    assert main(["verify", *words]) == 0
    assert [one.requirements for one in judged.asked] == [("a==1", "b==2"), ("c==3", "d==4")]
    assert judged.folders == [Path("out/candidates/1"), Path("out/candidates/2")]


def test_one_candidate_has_the_usual_report_with_what_it_is(judged: Judged) -> None:
    assert main(["verify", "a", "--with", "x==1", "--json", "one.json"]) == 0
    report = json.loads(Path("one.json").read_text())
    assert report["schema"] == 1
    assert report["summary"] == {"identical": 1}
    assert report["candidate"]["asked"] == ["x==1"]
    assert json.loads(Path("out/candidates.json").read_text()) == report
    assert not Path("out/report.json").exists()
    assert "Judged under other versions: x==1." in Path("out/report.html").read_text()


def test_several_candidates_have_a_report_each_and_the_worst_exit_code(judged: Judged) -> None:
    judged.failing = frozenset({"bad==1"})
    assert main(["verify", "--with", "good==1", "--or-with", "bad==1", "--json", "all.json"]) == 1
    found = json.loads(Path("all.json").read_text())
    assert found["schema"] == 1
    assert [one["summary"] for one in found["candidates"]] == [{"identical": 2}, {"drifted": 2}]
    index = Path("out/report.html").read_text()
    assert 'href="candidates/1/report.html"' in index
    assert 'href="candidates/2/report.html"' in index
    assert "2 of 2 cases failed" in Path("out/candidates/2/report.html").read_text()


def test_a_lock_or_a_day_is_a_candidate_by_itself(judged: Judged) -> None:
    Path("requirements.txt").write_text("a==1\n")
    assert main(["verify", "--with-lock", "requirements.txt"]) == 0
    assert main(["verify", "--with-date", "2026-03-01"]) == 0
    assert judged.asked[0].lock == Path("requirements.txt").resolve()
    assert judged.asked[1].day == date(2026, 3, 1)


def test_a_matrix_lists_the_candidates(judged: Judged, capsys: pytest.CaptureFixture[str]) -> None:
    Path("matrix.yaml").write_text("x: [1, 2]\ny: [3]\n")
    judged.failing = frozenset({"x==2"})
    assert main(["verify", "--with-matrix", "matrix.yaml", "--with-date", "2026-03-01"]) == 1
    assert [one.requirements for one in judged.asked] == [("x==1", "y==3"), ("x==2", "y==3")]
    assert {one.day for one in judged.asked} == {date(2026, 3, 1)}
    assert "go: 2 cases pass under x==1, y==3, as of 2026-03-01" in capsys.readouterr().out
    Path("matrix.yaml").write_text("x: [=]\n")
    assert main(["verify", "--with-matrix", "matrix.yaml"]) == 2
    assert "line 1: x=: no requirement" in capsys.readouterr().err


def test_the_installer_builds_and_downloads_only_what_it_may(judged: Judged) -> None:
    main(["verify", "--with", "a==1"])
    main(["verify", "--with", "a==1", "--installer", "pip", "--allow-sdist", "--yes"])
    assert judged.installers == [("auto", False), ("pip", True)]
    assert [one.large for one in judged.how] == [False, True]
    assert all(isinstance(one.environments, Environments) for one in judged.how)


def test_a_source_tree_may_be_built_without_being_asked(judged: Judged, tmp_path: Path) -> None:
    (tmp_path / "checkout").mkdir()
    (tmp_path / "checkout/pyproject.toml").touch()
    main(["verify", "--with", "a==1", "--or-with", "./checkout"])
    main(["verify", "--with", "git+https://h.example/d@main"])
    assert judged.installers == [("auto", True)] * 2


def test_a_pipeline_that_only_the_other_versions_have_is_theirs_to_judge(
    judged: Judged, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("configs/new.yaml").write_text(UNTRACED.replace("DDIMPipeline", "PipelineOfTomorrow"))
    assert main(["verify", "new"]) == 2
    assert "exports no pipeline of this name" in capsys.readouterr().err
    assert main(["verify", "new", "--with", "a==1"]) == 0
    assert [one.requirements for one in judged.asked] == [("a==1",)]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--yes"], "no other versions are asked for"),
        (["--allow-sdist", "--installer", "pip"], "--installer, --allow-sdist"),
        (["--with-lock", "a.txt", "--with-date", "2026-03-01"], "leave one of them out"),
        (["--with", "a==1", "--with-matrix", "m.yaml"], "--with-matrix lists all candidates"),
        (["--with-matrix", "m.yaml"], "--with-matrix m.yaml: No such file"),
        (["--with", "a==1", "--junit", "j.xml"], "--junit holds the verdicts of this environment"),
        (["--with", "a=1"], "--with a=1: no requirement"),
        (["--with-date", "soon"], "--with-date soon: no date"),
    ],
)
def test_misuse_is_named(
    judged: Judged, words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(["verify", *words])
    except SystemExit as ended:
        code = int(ended.code or 0)
    assert code == 2
    assert says in " ".join(capsys.readouterr().err.split())
    assert judged.asked == []


def test_what_ends_early_says_which_candidates_were_judged(
    judged: Judged, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("out").mkdir()
    Path("out/candidates.json").write_text("of an earlier verify")
    judge = judged.judge

    def interrupted(one: Candidate, *rest: Any) -> Report:
        if one.requirements == ("second==1",):
            raise KeyboardInterrupt
        return judge(one, *rest)

    monkeypatch.setattr(judging, "judge_candidate", interrupted)
    assert main(["verify", "--with", "first==1", "--or-with", "second==1", "--json", "both.json"]) == 130
    found = json.loads(Path("out/candidates.json").read_text())
    first, second = found["candidates"]
    assert (first["finished"], first["summary"]) == (True, {"identical": 2})
    assert (second["finished"], second["not_run"], second["cases"]) == (False, ["a", "b"], [])
    assert second["candidate"]["asked"] == ["second==1"]
    assert json.loads(Path("both.json").read_text()) == found
    assert "2 cases were not run to the end" in Path("out/candidates/2/report.html").read_text()
