"""`harness nightly` from verify to message, with workers that start no process and messengers on this machine."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.cli import main
from harness.core.capture import Completed, Outcome
from harness.run.trial import Freshness, Trial
from tests.golden.builders import environment, write_capture
from tests.support import workers
from tests.support.messengers import Messenger, messenger
from tests.support.project import Project
from tests.support.workers import UNTRACED, FakeWorkers


class Nights:
    """A recorded project of the cases a and b, whose nights run in this process."""

    def __init__(self, ran: FakeWorkers, capsys: pytest.CaptureFixture[str]) -> None:
        self.ran, self._capsys = ran, capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        self._capsys.readouterr()
        code = main(["nightly", *words])
        found = self._capsys.readouterr()
        return code, found.out, found.err

    def folders(self, root: str = "nightly") -> list[str]:
        return sorted((one.name[10:] for one in Path(root).glob("2*")), key=lambda name: (len(name), name))

    def news(self, place: int = -1) -> list[tuple[str, list[str]]]:
        """The kinds of news of a night, with their cases."""
        folder = sorted(Path("nightly").glob("2*"), key=lambda one: (len(one.name), one.name))[place]
        found = json.loads((folder / "news.json").read_text())["news"]
        return [(item["kind"], [one["case"] for one in item["cases"]]) for item in found]


@pytest.fixture
def nights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Nights:
    monkeypatch.setenv("HOME", str(tmp_path))
    project = Project(tmp_path / "project")
    for name in "ab":
        project.config(name, UNTRACED)
    monkeypatch.chdir(project.folder)
    monkeypatch.setattr("harness.notify.retry.retried.__defaults__", (lambda _seconds: None,))
    ran = workers.install(monkeypatch)
    assert main(["record", "--no-gates", "--quiet"]) == 0
    ran.pool.conducted.clear()
    return Nights(ran, capsys)


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[Messenger]:
    with messenger() as found:
        monkeypatch.setenv("HARNESS_WEBHOOK", f"{found.address}/s3cr3t")
        monkeypatch.setenv("GITHUB_API_URL", found.address)
        monkeypatch.setenv("HARNESS_GITHUB_TOKEN", "s3cr3t")
        yield found


def texts(chat: Messenger) -> list[str]:
    return [one.body["text"] for one in chat.got]


def test_a_night_leaves_a_folder_and_a_history(nights: Nights) -> None:
    code, out, err = nights()
    assert (code, err) == (0, "")
    assert out.endswith(": nothing new (exit code 0)\n")
    (folder,) = Path("nightly").glob("2*")
    assert {one.name for one in folder.iterdir()} >= {
        "report.json", "junit.xml", "captures", "again.json", "exit-code", "news.json",
    }  # fmt: skip
    assert (folder / "exit-code").read_text() == "0\n"
    assert len(nights.ran.pool.conducted) == 2


def test_the_page_of_all_nights_lies_beside_that_of_the_night(nights: Nights) -> None:
    nights()
    nights.ran.value = 0.75
    nights()
    first, second = sorted(Path("nightly").glob("2*"), key=lambda one: len(one.name))
    page = (second / "trend.html").read_text(encoding="utf-8")
    assert "2 cases, 2 nights" in page
    assert f'<a href="../{first.name}/report.html">' in page
    assert '<a href="report.html">its report</a>' in page


def test_a_failure_is_new_then_known_then_recovered(nights: Nights, chat: Messenger) -> None:
    nights("--notify", "webhook")
    nights.ran.value = 0.75
    assert nights("--notify", "webhook")[0] == 1
    assert nights.news() == [("new", ["a", "b"])]
    assert nights("--notify", "webhook")[0] == 1
    assert nights.news() == [("known", ["a", "b"])]
    nights.ran.value = 0.5
    assert nights("--notify", "webhook")[0] == 0
    assert nights.news() == [("recovered", ["a", "b"])]
    assert [text.partition(": ")[2] for text in texts(chat)] == ["2 new", "2 recovered"]


@pytest.mark.parametrize("case", ["a"], ids=["SELECT"])
def test_a_failing_case_runs_twice_more_in_fresh_processes(nights: Nights, case: str) -> None:
    nights.ran.value = 0.75
    code, out, _ = nights(case)
    again = nights.ran.pool.conducted[1:]
    assert [(trial.case.id, trial.number, trial.freshness) for trial in again] == [
        ("a", 1, Freshness.FRESH),
        ("a", 2, Freshness.FRESH),
    ]
    assert code == 1
    assert "running 1 failing again, 2 times each in fresh processes" in out
    assert nights.news() == [("new", ["a"])]


def test_further_runs_that_differ_are_a_finding_and_no_pass(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    def outcome(trial: Trial) -> Outcome:
        value = 0.75 if trial.number == 0 else 0.5
        write_capture(trial.capture, {"images": np.float32([value, 0.25])}, case=trial.case)
        return Completed(str(trial.capture), environment(), 0.0)

    monkeypatch.setattr(nights.ran.pool, "outcome_of", outcome)
    assert nights("a")[0] == 1
    assert nights.news() == [("nondeterministic", ["a"])]


def test_github_has_one_issue_for_a_cause(nights: Nights, chat: Messenger) -> None:
    words = ("--notify", "github:o/r", "--issue-label", "golden", "--issue-assignee", "ada")
    nights.ran.value = 0.75
    for _ in range(3):
        nights(*words)
    (issue,) = chat.issues.values()
    assert (issue["labels"], issue["assignees"], issue["state"]) == (["golden"], ["ada"], "open")
    nights.ran.value = 0.5
    nights(*words)
    assert issue["state"] == "closed"
    assert len(chat.requests("POST")) == 1


def test_the_project_says_whom_issues_are_for(nights: Nights, chat: Messenger) -> None:
    Path("pyproject.toml").write_text("[tool.harness]\nissue_label = 'drift'\nissue_assignee = 'grace'\n")
    nights.ran.value = 0.75
    nights("--notify", "github:o/r")
    (issue,) = chat.issues.values()
    assert (issue["labels"], issue["assignees"]) == (["drift"], ["grace"])


def test_a_messenger_that_fails_changes_no_exit_code_and_is_told_later(
    nights: Nights, chat: Messenger
) -> None:
    nights("--notify", "webhook")
    nights.ran.value, chat.fails = 0.75, [500] * 4
    code, _, err = nights("--notify", "webhook")
    assert code == 1
    assert "webhook: answered 500; the next night tries again\n" in err
    assert "s3cr3t" not in err
    chat.got.clear()
    assert "nobody was told" not in nights("--notify", "webhook")[2]
    assert [text.partition(": ")[2] for text in texts(chat)] == ["2 new"]


def test_a_quiet_night_says_so_on_request(nights: Nights, chat: Messenger) -> None:
    nights("--notify", "webhook")
    assert texts(chat) == []
    nights("--notify", "webhook", "--always")
    assert [text.partition(": ")[2] for text in texts(chat)] == ["nothing new"]


def dies(*_given: Any, **_more: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    "place",
    [
        "harness.nightly.conclusion.remember",
        "harness.nightly.conclusion.concluded",
        "harness.history.told.tell",
    ],
)
def test_a_night_that_is_killed_is_finished_by_the_next(
    nights: Nights, chat: Messenger, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    nights("--notify", "webhook")
    nights.ran.value = 0.75
    with monkeypatch.context() as patched:
        patched.setattr(place, dies)
        assert nights("--notify", "webhook")[0] == 130
    assert nights("--notify", "webhook")[0] == 1
    assert nights.news(-2) == [("new", ["a", "b"])]
    assert nights.news(-1) == [("known", ["a", "b"])]
    told = [one.body["key"] for one in chat.got]
    # The kill between sending and remembering sends it twice, with the same key.
    assert len(set(told)) == 1
    assert len(told) == (2 if place.endswith("tell") else 1)
    with sqlite3.connect("nightly/history.sqlite") as history:
        assert history.execute("SELECT count(*) FROM nights").fetchone() == (3,)


def test_a_night_that_is_killed_during_its_verify_is_discarded(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("harness.commands.verify.judge_all", dies)
        assert nights()[0] == 130
    code, _, err = nights()
    assert code == 0
    assert "was killed before its verify ended; its captures were removed" in err
    assert nights.folders() == ["", "-2"]
    assert nights()[2] == ""
    with sqlite3.connect("nightly/history.sqlite") as history:
        assert history.execute("SELECT count(*) FROM nights").fetchone() == (2,)


def test_old_nights_are_removed_and_their_results_stay(nights: Nights) -> None:
    for _ in range(3):
        out = nights("--keep", "2")[1]
    assert nights.folders() == ["-2", "-3"]
    assert "removed 1 of the oldest nights; their results stay in nightly/history.sqlite\n" in out
    with sqlite3.connect("nightly/history.sqlite") as history:
        assert history.execute("SELECT count(*) FROM nights").fetchone() == (3,)


@pytest.mark.parametrize(("verdict", "left"), [("skipped", ["-3"]), ("drifted", ["", "-2", "-3"])])
def test_only_nights_that_failed_stay_longer(nights: Nights, verdict: str, left: list[str]) -> None:
    for _ in range(2):
        nights()
        path = max(Path("nightly").glob("2*/report.json"), key=lambda one: len(one.parent.name))
        path.write_text(path.read_text().replace('"verdict": "identical"', f'"verdict": "{verdict}"', 1))
    nights("--keep", "1")
    assert nights.folders() == left


def test_nights_and_history_may_lie_elsewhere(nights: Nights, capsys: pytest.CaptureFixture[str]) -> None:
    assert nights("--nights", "deep/er", "--history", "memory/of.sqlite", "--quiet")[0] == 0
    assert nights.folders("deep/er") == [""]
    assert not Path("nightly").exists()
    assert main(["history", "a", "--history", "memory/of.sqlite"]) == 0
    assert "a  (cpu-x86_64), 1 night" in capsys.readouterr().out


def test_json_holds_the_news(nights: Nights) -> None:
    nights.ran.value = 0.75
    code, out, _ = nights("--json", "-")
    found = json.loads(out)
    assert (code, found["exit_code"]) == (1, 1)
    assert [item["kind"] for item in found["news"]] == ["new"]


def test_the_verdicts_may_be_written_as_markdown(nights: Nights) -> None:
    nights.ran.value = 0.75
    nights("--markdown", "summary.md")
    assert "drifted" in Path("summary.md").read_text(encoding="utf-8")


def test_in_actions_failures_are_annotated_unless_nobody_wants_that(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    nights.ran.value = 0.75
    assert "::error file=configs/a.yaml" in nights("a")[1]
    assert "::error" not in nights("a", "--no-annotations")[1]


def test_a_bad_history_is_named_before_anything_runs(nights: Nights) -> None:
    Path("history.sqlite").write_text("no database " * 100)
    code, _, err = nights("--history", "history.sqlite")
    assert (code, err) == (2, "error: history.sqlite: is not a history; name another file\n")
    assert nights.ran.pool.conducted == []


def test_bad_configs_leave_no_night(nights: Nights) -> None:
    Path("configs/c.yaml").write_text("pipeline: NoSuchPipeline\n")
    assert nights()[0] == 2
    assert nights.folders() == []
    assert nights("a")[0] == 0


def test_a_channel_that_is_none_is_named_before_anything_runs(nights: Nights) -> None:
    code, _, err = nights("--notify", "pigeon")
    assert code == 2
    assert err.startswith("error: --notify pigeon: is no way to tell somebody; accepted: webhook[:VARIABLE]")
    assert nights.ran.pool.conducted == []


def test_configs_and_goldens_may_lie_elsewhere(nights: Nights) -> None:
    Path("configs").rename("cases")
    Path("goldens").rename("truth")
    assert nights("--configs", "cases", "--goldens", "truth")[0] == 0
    assert nights("--configs", "cases")[0] == 1


def test_where_and_how_many_workers_run(nights: Nights) -> None:
    nights("--device", "cuda:1", "--jobs", "3")
    assert (nights.ran.device, set(nights.ran.pool.jobs[-1:])) == ("cuda:1", {3})


def test_root_names_the_project_from_elsewhere(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path.cwd().parent)
    assert nights("--root", "project")[0] == 0
    assert Path("project/nightly/history.sqlite").is_file()
    assert not Path("nightly").exists()


@pytest.mark.parametrize("words", [["--allow-missing"], ["--relation", "same"], ["--strict"], ["--forced"]])
def test_options_of_verify_reach_it(nights: Nights, words: list[str]) -> None:
    Path("goldens/a/cpu-x86_64.safetensors").unlink()
    code = nights(*words)[0]
    (folder,) = Path("nightly").glob("2*")
    report = json.loads((folder / "report.json").read_text())
    assert code == (3 if "--forced" in words else 0 if "--allow-missing" in words else 1)
    assert report["options"] == {"allow_missing": "--allow-missing" in words, "strict": "--strict" in words}
