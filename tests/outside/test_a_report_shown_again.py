"""`harness report` ends as the verify did and writes what it wrote; fingerprints are compared as JSON too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli import main
from harness.codec import to_json
from tests.golden.builders import environment
from tests.support import workers
from tests.support.project import Project
from tests.support.workers import UNTRACED, FakeWorkers

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeWorkers:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    Project(tmp_path).config("two", UNTRACED)
    return workers.install(monkeypatch)


@pytest.mark.parametrize(("options", "code"), [([], 1), (["--allow-missing"], 0)])
def test_without_a_golden(ran: FakeWorkers, capsys: Captured, options: list[str], code: int) -> None:
    assert_same_end(["verify", *options], code, capsys)


@pytest.mark.parametrize(
    ("options", "code"), [([], 0), (["--strict"], 1), (["--strict", "--allow-missing"], 1)]
)
def test_skipped(ran: FakeWorkers, capsys: Captured, options: list[str], code: int) -> None:
    ran.nowhere = True
    assert_same_end(["verify", *options], code, capsys)


def assert_same_end(verify: list[str], code: int, capsys: Captured) -> None:
    files = ["--junit", "{}.xml", "--json", "{}.json"]
    assert main([*verify, *(word.format("first") for word in files)]) == code
    shown = capsys.readouterr().out
    words = ["report", *(word.format("again") for word in files), "--markdown", "m.md"]
    assert main(words) == code
    # The verify has told of each case as it ended before that.
    assert shown.endswith(capsys.readouterr().out)
    for suffix in ("xml", "json"):
        assert Path(f"again.{suffix}").read_text() == Path(f"first.{suffix}").read_text()
    assert f"exit code {code}" in Path("m.md").read_text()


def test_a_report_of_earlier_versions_is_still_read(ran: FakeWorkers, capsys: Captured) -> None:
    assert main(["verify", "--allow-missing"]) == 0
    report = Path("out/report.json")
    document = json.loads(report.read_text())
    assert document.pop("options") == {"allow_missing": True, "strict": False}
    report.write_text(json.dumps(document))
    assert main(["report"]) == 1


def test_fingerprints_are_compared_and_saved_as_json(ran: FakeWorkers, capsys: Captured) -> None:
    Path("old.json").write_text(to_json(environment(torch="2.8.0")))  # as earlier versions saved it
    assert main(["record", "--no-gates", "--quiet"]) == 0
    golden = "goldens/two/cpu-x86_64.safetensors"
    assert main(["env", "old.json", golden, "--json", "changes.json"]) == 0
    found = json.loads(Path("changes.json").read_text())
    assert found["schema"] == 1
    assert [(one["golden"], one["now"]) for one in found["changes"]] == [("2.8.0", "2.13.0")]


def test_a_saved_fingerprint_has_a_schema_and_is_read_again(
    ran: FakeWorkers, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr("harness.commands.env.fingerprint", lambda *_: environment())
    assert main(["env", "--json", "here.json"]) == 0
    document = json.loads(Path("here.json").read_text())
    parts = ["platform", "hardware", "software", "switches", "known_answers", "not_portable"]
    assert list(document) == ["schema", *parts]
    assert main(["env", "here.json", "here.json"]) == 0
    assert "no differences" in capsys.readouterr().out
    assert not Path("out").exists()
    Path("here.json").write_text(json.dumps({**document, "schema": 2}))
    assert main(["env", "here.json", "here.json"]) == 2
    assert "here.json: has schema 2, but this harness reads 1" in capsys.readouterr().err


def test_the_project_s_device_is_fingerprinted(
    ran: FakeWorkers, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        "harness.commands.env.fingerprint", lambda device, *_: asked.append(device) or environment()
    )
    Path("pyproject.toml").write_text('[tool.harness]\ndevice = "mps"\n')
    assert main(["env"]) == main(["env", "--device", "cpu"]) == 0
    assert asked == ["mps", "cpu"]
