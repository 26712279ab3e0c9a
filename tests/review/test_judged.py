"""Where the report of a finished verify and its captures are found."""

from __future__ import annotations

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


def test_in_the_output_folder_a_capture_has_one_place(cases: tuple[Case, ...]) -> None:
    one, two = cases
    with last_verify(Path("out"), None, cases) as judged:
        assert judged.name == "out/report.json"
        assert judged.capture(one, digest_of(one)) == Path("out/captures/a/one/capture.safetensors")
        assert judged.capture(one, digest_of(two)) is None
        assert judged.of(cases, named=False) == list(cases)
        assert judged.of((one,), named=True) == (one,)
    with last_verify(Path("nowhere"), Path("out"), cases) as judged:
        assert judged.capture(one, digest_of(two)) == Path("out/captures/a/two/capture.safetensors")


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
