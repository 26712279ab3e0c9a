"""Where the report of a finished verify and its captures are found."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from harness.config.load import load_cases
from harness.core.case import Case
from harness.core.results.verdict import FileDigest
from harness.errors import UsageError
from harness.golden.tensors import file_sha256
from harness.review.judged import last_verify
from tests.support.pretend import Pretend


@pytest.fixture
def cases(drifted: Pretend, monkeypatch: pytest.MonkeyPatch) -> tuple[Case, ...]:
    monkeypatch.chdir(drifted.folder)
    return load_cases(Path("configs")).cases


def digest_of(case: Case) -> FileDigest:
    path = Path(f"out/captures/{case.id}/capture.safetensors")
    return FileDigest(str(path), file_sha256(path))


def test_a_capture_is_found_wherever_it_lies(cases: tuple[Case, ...]) -> None:
    one, two = cases
    with last_verify(Path("out"), None, cases) as judged:
        assert judged.name == "out/report.json"
        assert judged.capture(one, digest_of(one)) == Path("out/captures/a/one/capture.safetensors")
        assert judged.capture(one, digest_of(two)) == Path("out/captures/a/two/capture.safetensors")
        assert judged.capture(one, FileDigest("out/x", "0" * 64)) is None
        assert judged.of(cases, named=False) == list(cases)
        assert judged.of((one,), named=True) == (one,)


def test_an_archive_leaves_nothing_behind(cases: tuple[Case, ...]) -> None:
    one = cases[0]
    with zipfile.ZipFile("a.zip", "w") as archive:
        for path in sorted(Path("out").rglob("*.*")):
            archive.write(path)
    with last_verify(Path("nowhere"), Path("a.zip"), cases) as judged:
        found = judged.capture(one, digest_of(one))
        assert found is not None
        assert found.read_bytes() == Path(digest_of(one).path).read_bytes()
        assert judged.name == "a.zip: report.json"
    assert not found.exists()


def test_a_folder_with_two_reports_is_not_guessed_at(cases: tuple[Case, ...]) -> None:
    for name in "ab":
        folder = Path("shards", name)
        folder.mkdir(parents=True)
        (folder / "report.json").write_bytes(Path("out/report.json").read_bytes())
    told = (
        r"shards: holds several reports \(shards/a/report\.json, shards/b/report\.json\); name a report\.json"
    )
    with pytest.raises(UsageError, match=told), last_verify(Path("out"), Path("shards"), cases):
        pass


def test_a_verify_of_other_cases(cases: tuple[Case, ...], drifted: Pretend) -> None:
    drifted.config("b")
    other = [case for case in load_cases(Path("configs")).cases if case.id == "b"]
    with (
        last_verify(Path("out"), None, cases) as judged,
        pytest.raises(UsageError, match=r"out/report\.json: lists none of the cases in the configs; run"),
    ):
        judged.of(other, named=False)


def test_merged_reports_have_several_results_of_a_case(cases: tuple[Case, ...], drifted: Pretend) -> None:
    report = drifted.report()
    report["cases"].append({**report["cases"][0], "platform": "mps-arm64"})
    Path("out/report.json").write_text(json.dumps(report))
    with last_verify(Path("out"), None, cases) as judged:
        assert [one.platform for one in judged.by_case["a/one"]] == ["cpu-x86_64", "mps-arm64"]
