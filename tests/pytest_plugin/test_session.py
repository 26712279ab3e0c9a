"""A session with --goldens, from the options to the report."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from harness.core.capture import Lost, Raised, Unavailable
from harness.invocation import output_folder
from tests.pytest_plugin.conftest import CONFIG, Run
from tests.support.pretend import VALUES, Pretend

pytest_plugins = ["pytester"]

CPU = "configs/ddim/cpu.yaml"


def test_what_is_as_before_passes(recorded: Pretend, run: Run) -> None:
    result = run("--goldens", "-v")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(
        [f"{CPU}::seed=0 PASSED*", "goldens: `harness report` shows the verdicts again (out/report.json)"]
    )
    assert recorded.runs == ["ddim/cpu@seed=0", "ddim/cpu@seed=1", "other"]


def test_a_failure_is_the_text_of_verify(recorded: Pretend, run: Run) -> None:
    recorded.values["other"] = VALUES + np.float32(0.5)
    result = run("--goldens")
    result.assert_outcomes(passed=2, failed=1)
    shown = recorded.harness("verify", "--quiet", "other").out
    *details, summary = shown.strip().split("\n\n")
    assert summary.startswith("1 drifted")
    text = result.stdout.str()
    assert "\n\n".join(details) in text
    assert "Traceback" not in text
    assert "harness/pytest_plugin" not in text


def test_the_report_is_that_of_verify(recorded: Pretend, run: Run) -> None:
    recorded.values["other"] = VALUES + np.float32(0.5)
    run("--goldens", "--goldens-report", "verdicts.json")
    by_pytest = recorded.report()
    assert json.loads((recorded.folder / "verdicts.json").read_text()) == by_pytest
    recorded.harness("verify")
    by_verify = recorded.report()
    for report in (by_pytest, by_verify):
        report.pop("started")
        for case in report["cases"]:
            case.pop("capture"), case.pop("seconds")  # no two runs make the same file
    assert by_pytest == by_verify
    assert recorded.harness("report").code == 1


def test_accept_goes_on_from_there(recorded: Pretend, run: Run) -> None:
    recorded.values["other"] = VALUES + np.float32(0.5)
    run("--goldens")
    assert recorded.harness("accept", "other", "--reason", "meant").code == 0
    run("--goldens").assert_outcomes(passed=3)


def test_other_ends(recorded: Pretend, run: Run) -> None:
    recorded.config("new")
    ends = {
        "ddim/cpu@seed=0": Unavailable("no such device"),
        "ddim/cpu@seed=1": Lost("the worker died"),
        "other": Raised("ValueError: no", "Traceback (most recent call last)", recorded.here, 1.0),
    }
    recorded.before = lambda trial: ends.get(trial.case.id)
    result = run("--goldens", "-rs")
    result.assert_outcomes(failed=3, skipped=1)
    result.stdout.fnmatch_lines(["broken  other*", "*ValueError: no*"])
    result.stdout.fnmatch_lines(["no-golden  new*", "*harness record new*"])
    result.stdout.fnmatch_lines(["SKIPPED [[]1] configs/ddim/cpu.yaml:1: no such device"])


def test_metrics_are_in_junit(recorded: Pretend, run: Run) -> None:
    recorded.values["other"] = VALUES + np.float32(0.5)
    run("--goldens", "--junit-xml", "junit.xml", "configs/other.yaml")
    [case] = ET.parse(recorded.folder / "junit.xml").getroot().iter("testcase")
    found = {one.get("name"): one.get("value") for one in case.iter("property")}
    assert (found["verdict"], found["relation"]) == ("drifted", "same")
    assert float(found["images.max_abs"]) == pytest.approx(0.5)


@pytest.mark.parametrize("words", [["--goldens-relation", "same-hardware"], []], ids=["typed", "ini"])
def test_the_relation_decides(
    recorded: Pretend, run: Run, pytester: pytest.Pytester, words: list[str]
) -> None:
    recorded.values["other"] = VALUES * np.float32(1 + 1e-6)
    run("--goldens").assert_outcomes(passed=2, failed=1)
    if not words:
        pytester.makeini("[pytest]\ngoldens_relation = same-hardware\n")
    run("--goldens", *words).assert_outcomes(passed=3)


def test_the_folders_are_the_projects(project: Pretend, run: Run) -> None:
    project.config("one")
    (project.folder / "configs").rename(project.folder / "cases")
    (project.folder / "pyproject.toml").write_text('[tool.harness]\ngoldens = "kept"\nout = "build"\n')
    run("--goldens", "--goldens-configs", "cases", "--goldens-update").assert_outcomes(failed=1)
    assert (project.folder / "kept/one/cpu-x86_64.safetensors").is_file()
    run("--goldens", "--goldens-configs", "cases").assert_outcomes(passed=1)
    assert (project.folder / "build/report.json").is_file()
    project.values["one"] = VALUES + np.float32(0.5)
    told = run("--goldens", "--goldens-configs", "cases").stdout
    told.fnmatch_lines(["*harness accept --out build one --reason ..."])
    assert (
        project.harness("accept", "--out", "build", "--configs", "cases", "one", "--reason", "meant").code
        == 0
    )


def test_goldens_no_case_uses_are_named_after_a_whole_run(recorded: Pretend, run: Run) -> None:
    (recorded.folder / "configs/other.yaml").unlink()
    line = "goldens: goldens/other/cpu-x86_64.safetensors: *; see `harness prune`"
    run("--goldens").stdout.fnmatch_lines([line])
    for words in (["-k", "cpu"], [f"{CPU}::seed=0"], ["-m", "smoke"], ["--deselect", f"{CPU}::seed=0"]):
        run("--goldens", *words).stdout.no_fnmatch_line(line)


def test_an_interrupted_session_is_not_finished(recorded: Pretend, run: Run) -> None:
    recorded.values["ddim/cpu@seed=0"] = VALUES + np.float32(0.5)
    run("--goldens", "-x")
    report = recorded.report()
    assert (report["finished"], report["not_run"]) == (False, ["ddim/cpu@seed=1", "other"])
    assert recorded.harness("accept", "--reason", "x").code == 3


def test_a_folder_in_use_is_told(recorded: Pretend, run: Run) -> None:
    from harness.invocation.options import Options

    with output_folder.held(Options(out=recorded.folder / "out"), ["verify"], print):
        result = run("--goldens")
    assert result.ret != 0
    assert "is in use by `harness verify`" in result.stdout.str() + result.stderr.str()


class TestUpdate:
    def test_what_was_written_fails_once(self, project: Pretend, run: Run) -> None:
        project.config("one")
        result = run("--goldens", "--goldens-update")
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(
            [
                "the golden was recorded: goldens/one/cpu-x86_64.safetensors; look at it, then run without "
                "--goldens-update"
            ]
        )
        assert project.runs == ["one", "one"]
        run("--goldens").assert_outcomes(passed=1)

    def test_what_did_not_change_passes(self, recorded: Pretend, run: Run) -> None:
        recorded.document.update(filled_in={})
        run("--goldens", "--goldens-update")
        run("--goldens", "--goldens-update").assert_outcomes(passed=3)

    def test_accepted_it_passes_and_is_remembered(self, recorded: Pretend, run: Run) -> None:
        recorded.values["other"] = VALUES + np.float32(0.5)
        words = ["--goldens", "--goldens-update=accept", "--goldens-reason", "a new scheduler"]
        run(*words, "configs/other.yaml").assert_outcomes(passed=1)
        assert "a new scheduler" in recorded.harness("log", "other").out
        run("--goldens").assert_outcomes(passed=3)

    def test_it_says_what_changed(self, recorded: Pretend, run: Run) -> None:
        recorded.values["other"] = VALUES + np.float32(0.5)
        result = run("--goldens", "--goldens-update", "configs/other.yaml")
        result.stdout.fnmatch_lines(["the golden was updated*", "*updated  other*", "*images*max_abs*"])

    def test_only_new_ones(self, recorded: Pretend, run: Run) -> None:
        recorded.values["other"] = VALUES + np.float32(0.5)
        recorded.config("new", CONFIG)
        result = run("--goldens", "--goldens-new-only", "-v")
        result.assert_outcomes(passed=2, failed=2)
        result.stdout.fnmatch_lines(["the golden was recorded: goldens/new/*", "drifted  other*"])
        run("--goldens", "--goldens-new-only", "configs/new.yaml").assert_outcomes(passed=1)

    def test_what_raises_is_no_golden(self, project: Pretend, run: Run) -> None:
        project.config("one")
        project.before = lambda _trial: Raised("ValueError: no", "Traceback", project.here, 1.0)
        result = run("--goldens", "--goldens-update=accept", "--goldens-reason", "first")
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["*broken  one*", "*ValueError: no*"])
        assert not (project.folder / "goldens").exists()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--goldens-update=accept"], '--goldens-update=accept needs --goldens-reason "..."*'),
        (["--goldens-update=often"], "*argument --goldens-update: ignored explicit argument 'often'"),
        (
            ["-o", "goldens_update=often"],
            "goldens_update: 'often' is no way to update; accepted: fail, accept",
        ),
        (["--goldens-relation", "similar"], "*'similar' is not a relation; accepted: same, same-hardware, *"),
        (["--goldens-device", "tpu"], "*'tpu' is not a device; accepted: auto, cpu, *"),
        (["--goldens-reason", "  "], "*--goldens-reason: the reason is empty*"),
        (["--goldens-configs", "nowhere"], "*nowhere: no such folder in *"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else "",
)
def test_bad_options_are_one_line(recorded: Pretend, run: Run, words: list[str], complaint: str) -> None:
    result = run("--goldens", *words)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{complaint}"])
    assert "Traceback" not in result.stderr.str()


def test_the_ini_twins(project: Pretend, run: Run, pytester: pytest.Pytester) -> None:
    project.config("one")
    pytester.makeini(
        "[pytest]\ngoldens = true\ngoldens_configs = configs\ngoldens_update = accept\ngoldens_reason = first\n"
        "goldens_new_only = true\ngoldens_device = cpu\ngoldens_report = verdicts.json\n"
    )
    run().assert_outcomes(passed=1)
    assert project.golden("one").is_file()
    run().assert_outcomes(passed=1)
    assert json.loads((project.folder / "verdicts.json").read_text())["summary"] == {"identical": 1}
