"""What is taken out of a .zip, and what is refused."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.review import archive as module
from harness.review.archive import Archive


@pytest.fixture
def into(tmp_path: Path) -> Path:
    folder = tmp_path / "into"
    folder.mkdir()
    return folder


def packed(tmp_path: Path, files: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> Path:
    path = tmp_path / "artifact.zip"
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("folder", ["", "artifact/", "a/b/out/"])
def test_the_report_and_the_captures_beside_it(tmp_path: Path, into: Path, folder: str) -> None:
    files = {
        "z.safetensors": b"other",
        f"{folder}report.json": b"{}",
        f"{folder}captures/a/capture.safetensors": b"one",
        f"{folder}captures/a/log.txt": b"not asked for",
    }
    archive = Archive(packed(tmp_path, files), into)
    assert archive.report() == b"{}"
    found = [path.read_bytes() for path in archive.captures("captures/a/capture.safetensors")]
    assert found == [b"one", b"other"], "the likely one first"
    archive.close()


def test_a_capture_is_unpacked_when_it_is_asked_for_and_once(tmp_path: Path, into: Path) -> None:
    files = {"report.json": b"{}", "a.safetensors": b"a", "b.safetensors": b"b"}
    archive = Archive(packed(tmp_path, files), into)
    first = next(archive.captures("b.safetensors"))
    assert [path.read_bytes() for path in into.iterdir()] == [b"b"]
    assert next(archive.captures("b.safetensors")) == first
    assert len(list(into.iterdir())) == 1


@pytest.mark.parametrize("name", ["../../evil.safetensors", "/etc/evil.safetensors", "a/../../e.safetensors"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, into: Path, name: str) -> None:
    archive = Archive(packed(tmp_path, {"report.json": b"{}", name: b"evil"}), into)
    before = {path for path in tmp_path.rglob("*") if path.parent != into}
    assert [path.parent for path in archive.captures(name)] == [into]
    assert {path for path in tmp_path.rglob("*") if path.parent != into} == before


def test_what_unpacks_to_far_more_than_its_size(
    tmp_path: Path, into: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ALWAYS", 1000)
    path = packed(tmp_path, {"report.json": b"{}", "a.safetensors": bytes(10**6)})
    assert path.stat().st_size * 100 < 10**6
    archive = Archive(path, into)
    with pytest.raises(
        UsageError, match=r"artifact\.zip: a\.safetensors unpacks to far more than its own size"
    ):
        list(archive.captures("a.safetensors"))
    assert list(into.iterdir()) == []


def test_a_bomb_of_many_pieces(tmp_path: Path, into: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ALWAYS", 250_000)
    files = {"report.json": b"{}"} | {f"{number}.safetensors": bytes(100_000) for number in range(5)}
    archive = Archive(packed(tmp_path, files), into)
    with pytest.raises(UsageError, match="unpacks to far more than its own size"):
        list(archive.captures("0.safetensors"))
    assert sum(path.stat().st_size for path in into.iterdir()) <= 250_000


def test_a_report_of_no_reasonable_size(tmp_path: Path, into: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LARGEST_REPORT", 10)
    archive = Archive(packed(tmp_path, {"report.json": b"{}" + b" " * 20}), into)
    with pytest.raises(UsageError, match=r"report\.json unpacks to 22 bytes"):
        archive.report()


def test_a_size_that_is_not_true(tmp_path: Path, into: Path) -> None:
    """The archive states 1 byte for what are 2,000: no more is written than it states, and it is refused."""
    path = packed(tmp_path, {"report.json": b"{}", "a.safetensors": b"x" * 2000})
    content = bytearray(path.read_bytes())
    stated = struct.pack("<I", 2000)
    for start in range(len(content)):
        if content[start : start + 4] == stated:
            content[start : start + 4] = struct.pack("<I", 1)
    path.write_bytes(content)
    archive = Archive(path, into)
    with pytest.raises(UsageError, match=r"a\.safetensors (cannot be unpacked|unpacks to more)"):
        list(archive.captures("a.safetensors"))
    assert all(one.stat().st_size <= 1 for one in into.iterdir())


def test_no_report_or_several(tmp_path: Path, into: Path) -> None:
    with pytest.raises(
        UsageError, match=r"artifact\.zip: holds no report\.json; name a \.zip of an output folder"
    ):
        Archive(packed(tmp_path, {"a.safetensors": b""}), into)
    several = {"x/report.json": b"{}", "y/report.json": b"{}"}
    with pytest.raises(
        UsageError, match=r"holds several reports \(x/report\.json, y/report\.json\); unpack it"
    ):
        Archive(packed(tmp_path, several), into)


def test_a_file_that_is_no_archive_or_a_damaged_one(tmp_path: Path, into: Path) -> None:
    other = tmp_path / "other.zip"
    other.write_bytes(b"PK no")
    with pytest.raises(UsageError, match=r"other\.zip: cannot be read as a \.zip"):
        Archive(other, into)
    path = packed(tmp_path, {"report.json": b"{}", "a.safetensors": b"abcd" * 100}, zipfile.ZIP_STORED)
    content = path.read_bytes().replace(b"abcdabcd", b"abcdabcX", 1)
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"a\.safetensors cannot be unpacked \(Bad CRC-32"):
        list(Archive(path, into).captures("a.safetensors"))
