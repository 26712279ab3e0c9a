"""`harness accept`: the reason that a change needs, what the history keeps, and captures from elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from harness.core.history import Entry, Person
from harness.golden.header import read_document
from harness.golden.sidecar import outputs_digest
from harness.golden.tensors import file_sha256
from tests.golden.builders import environment
from tests.review.conftest import SOON, drifted, pretend
from tests.support.pretend import VALUES, Pretend
from tests.support.typing import typed

__all__ = ["drifted", "pretend"]

ANN = Person("Ann", "ann@example.org")


def history(project: Pretend, case: str = "a/one", platform: str = "cpu-x86_64") -> tuple[Entry, ...]:
    return read_document(project.golden(case, platform)).history


def test_a_golden_that_changes_needs_a_reason(drifted: Pretend) -> None:
    before = drifted.golden("a/one").read_bytes()
    ran = drifted.harness("accept")
    assert ran.code == 2
    expected = "--reason: missing; to replace the golden of a/one needs a reason, which stays in the history"
    assert expected in ran.err
    assert drifted.golden("a/one").read_bytes() == before
    assert drifted.harness("accept", "a/two").code == 0, "it is unchanged"
    with pytest.raises(SystemExit):
        drifted.harness("accept", "--reason", " ")
    assert drifted.golden("a/one").read_bytes() == before


def test_a_first_golden_needs_none(drifted: Pretend) -> None:
    drifted.config("a/new")
    assert drifted.harness("verify", "a/new").code == 1
    ran = drifted.harness("accept", "a/new")
    assert ran.code == 0, ran.out + ran.err
    [entry] = history(drifted, "a/new")
    assert (entry.how, entry.by, entry.reason, entry.verdict) == ("accept", ANN, "", "no-golden")
    assert (entry.replaced, entry.metrics) == (None, ())


def test_the_reason_is_asked_for_in_a_terminal(drifted: Pretend, monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, "the scheduler was fixed\n")
    # The pretended command has its own standard error, which is no terminal.
    monkeypatch.setattr("harness.report.terminal.Screen.can_ask", True)
    assert drifted.harness("accept").code == 0
    assert history(drifted)[-1].reason == "the scheduler was fixed"


def test_the_history_says_who_when_why_and_what_was_before(drifted: Pretend) -> None:
    recorded = drifted.golden("a/one")
    [first] = history(drifted)
    assert (first.how, first.by, first.reason, first.verdict) == ("record", ANN, "", None)
    before, replaced = outputs_digest(read_document(recorded)), file_sha256(recorded)
    drifted.here = replace(environment(torch="2.14.0"))
    assert drifted.harness("verify").code == 1
    ran = drifted.harness("accept", "a/one", "--reason", "  the scheduler\nwas fixed ")
    assert ran.code == 0, ran.out + ran.err
    kept, entry = history(drifted)
    assert kept == first
    assert (first.outputs, entry.outputs) == (before, outputs_digest(read_document(recorded)))
    assert (entry.how, entry.by, entry.reason) == ("accept", ANN, "the scheduler was fixed")
    assert (entry.verdict, entry.replaced) == ("drifted", replaced)
    assert [(one.what, one.golden, one.now) for one in entry.environment] == [
        ("software.packages.torch", "2.13.0", "2.14.0")
    ]
    [metrics] = entry.metrics
    assert metrics.tensor == "images"
    assert metrics.metrics["max_abs"] == pytest.approx(0.25)
    assert entry.cause is not None
    assert len(entry.cause) == 16
    assert entry.at == read_document(recorded).accepted.at  # type: ignore[union-attr]


def test_the_history_survives_a_recording(drifted: Pretend) -> None:
    ran = drifted.record("--update", "--reason", "recorded on the reference machine")
    assert ran.code == 0, ran.out + ran.err
    assert drifted.harness("verify").code == 0
    drifted.values["a/one"] = VALUES
    assert drifted.harness("verify").code == 1
    assert drifted.harness("accept", "a/one", "--reason", "back again").code == 0
    told = [(entry.how, entry.reason) for entry in history(drifted)]
    assert told == [("record", ""), ("record", "recorded on the reference machine"), ("accept", "back again")]
    assert history(drifted)[1].metrics[0].metrics["max_abs"] == pytest.approx(0.25)
    assert len(history(drifted, "a/two")) == 1, "unchanged"


def test_a_golden_older_than_histories_keeps_what_is_known(drifted: Pretend) -> None:
    from tests.support.files import describe

    describe(drifted.golden("a/one"), lambda document: document.pop("history"))
    assert drifted.harness("verify").code == 1
    assert drifted.harness("accept", "--reason", "a fix").code == 0
    first, second = history(drifted)
    assert (first.how, first.by, first.reason) == ("record", None, "")
    assert (second.by, second.reason) == (ANN, "a fix")


def moved(project: Pretend, name: str) -> Path:
    """The output folder of the last verify in another place, with nothing left where it was."""
    target = project.folder / name
    shutil.move(project.folder / "out", target)
    return target


@pytest.mark.parametrize("place", ["artifact", "artifact/report.json", "."])
def test_from_a_folder_or_a_report(drifted: Pretend, place: str) -> None:
    moved(drifted, "artifact" if place != "." else "deep/er/artifact")
    origin = "deep" if place == "." else place
    ran = drifted.harness("accept", "--from", origin, "--reason", "a fix")
    assert ran.code == 0, ran.out + ran.err
    assert "updated" in ran.out
    assert drifted.harness("verify").code == 0


def test_from_a_folder_whose_captures_were_sorted_otherwise(drifted: Pretend) -> None:
    artifact = moved(drifted, "artifact")
    (artifact / "captures/a/one/capture.safetensors").rename(artifact / "one.safetensors")
    shutil.copy(
        artifact / "captures/a/two/capture.safetensors", artifact / "captures/a/one/capture.safetensors"
    )
    assert drifted.harness("accept", "a/one", "--from", "artifact", "--reason", "a fix").code == 0
    drifted.values["a/one"] = SOON
    assert drifted.harness("verify", "a/one").code == 0


def zipped(folder: Path, into: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, prefix + path.relative_to(folder).as_posix())
    return into


@pytest.mark.parametrize("prefix", ["", "nightly/out/"])
def test_from_an_archive_of_another_machine(drifted: Pretend, prefix: str) -> None:
    """As an artifact of CI on the reference machine: another platform, and no output folder here."""
    drifted.here = environment("cuda-sm90", gpu="H100")
    assert drifted.harness("verify", "--allow-missing").code == 1
    zipped(moved(drifted, "artifact"), drifted.folder / "artifact.zip", prefix)
    shutil.rmtree(drifted.folder / "artifact")
    ran = drifted.harness("accept", "--from", "artifact.zip", "--json", "accepted.json")
    assert ran.code == 0, ran.out + ran.err
    told = json.loads((drifted.folder / "accepted.json").read_text())["cases"]
    assert [(case["case"], case["state"], case["platform"]) for case in told] == [
        ("a/one", "recorded", "cuda-sm90"),
        ("a/two", "recorded", "cuda-sm90"),
    ]
    [entry] = history(drifted, "a/one", "cuda-sm90")
    assert entry.verdict == "drifted", "it was judged against the golden of the nearest platform"
    assert drifted.harness("verify").code == 0


def test_an_archive_that_lacks_a_capture_accepts_the_others(drifted: Pretend) -> None:
    drifted.values["a/two"] = SOON
    assert drifted.harness("verify").code == 1
    artifact = moved(drifted, "artifact")
    (artifact / "captures/a/one/capture.safetensors").unlink()
    zipped(artifact, drifted.folder / "artifact.zip")
    ran = drifted.harness("accept", "--from", "artifact.zip", "--reason", "a fix")
    assert ran.code == 3
    assert "is not the capture that the last verify judged" in " ".join(ran.out.split())
    assert len(history(drifted, "a/one")) == 1
    assert len(history(drifted, "a/two")) == 2


@pytest.mark.parametrize(
    ("made", "complaint"),
    [
        (lambda folder: None, "nowhere: no such file or folder; name a report.json, an output folder"),
        (lambda folder: (folder / "nowhere").mkdir(), "nowhere: holds no report.json; name a report.json"),
        (lambda folder: (folder / "nowhere").write_text("{"), "nowhere: is not a report of `harness verify`"),
        (lambda folder: (folder / "nowhere").write_bytes(b"\x00\xff"), "nowhere: is not a report"),
    ],
)
def test_from_what_is_none(drifted: Pretend, made, complaint: str) -> None:  # type: ignore[no-untyped-def]
    made(drifted.folder)
    ran = drifted.harness("accept", "--from", "nowhere", "--reason", "a fix")
    assert ran.code == 2
    assert complaint in ran.err


def test_a_report_under_other_versions_is_refused(drifted: Pretend) -> None:
    report = drifted.report() | {"candidate": {"asked": ["torch==2.14.0"]}}
    (drifted.folder / "candidates.json").write_text(json.dumps(report))
    ran = drifted.harness("accept", "--from", "candidates.json", "--reason", "a fix")
    assert ran.code == 2
    assert "candidates.json: is of a verify under other versions" in ran.err


def test_nobody_without_a_name_decides(drifted: Pretend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("LOGNAME", "build")
    assert drifted.harness("accept", "--reason", "a fix").code == 0
    assert history(drifted)[-1].by == Person("build", "", "system")


def test_from_the_merged_reports_of_two_platforms(drifted: Pretend) -> None:
    moved(drifted, "cpu")
    drifted.here = environment("cuda-sm90", gpu="H100")
    assert drifted.harness("verify").code == 1
    moved(drifted, "gpu")
    assert drifted.harness("report", "merge", "cpu", "gpu", "--out", "both").code == 1
    ran = drifted.harness("accept", "--from", "both", "--reason", "a fix", "--json", "accepted.json")
    assert ran.code == 0, ran.out + ran.err
    told = json.loads((drifted.folder / "accepted.json").read_text())["cases"]
    assert [(case["case"], case["platform"], case["state"]) for case in told] == [
        ("a/one", "cpu-x86_64", "updated"),
        ("a/one", "cuda-sm90", "recorded"),
        ("a/two", "cpu-x86_64", "unchanged"),
        ("a/two", "cuda-sm90", "recorded"),
    ]
