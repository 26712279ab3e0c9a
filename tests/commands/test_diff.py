"""`harness diff`: the metrics between two entries of a history, whose goldens git keeps."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.golden.builders import environment
from tests.review.conftest import SOON, drifted, pretend
from tests.support.git import Repository
from tests.support.pretend import VALUES, Pretend

__all__ = ["drifted", "pretend"]

GOLDEN = "goldens/a/one/cpu-x86_64.safetensors"


def accept(project: Pretend, values: np.ndarray, why: str) -> None:
    project.values["a/one"] = values
    project.harness("verify", "a/one")
    ran = project.harness("accept", "a/one", "--reason", why)
    assert ran.code == 0, ran.out + ran.err


@pytest.fixture
def kept(drifted: Pretend) -> Pretend:
    """Three goldens of a case, each committed: the first, 0.25 above it, and 0.5 above it, which is not committed."""
    repository = Repository.at(drifted.folder)
    repository.commit("goldens")
    accept(drifted, SOON, "a fix")
    repository.commit("goldens")
    accept(drifted, VALUES + np.float32(0.5), "another")
    return drifted


def distance(project: Pretend, *words: str) -> float:
    ran = project.harness("diff", "a/one", *words, "--json", "d.json")
    assert ran.code == 1, ran.out + ran.err
    [tensor] = json.loads((project.folder / "d.json").read_text())["tensors"]
    return float(tensor["metrics"]["max_abs"])


def test_the_screen(kept: Pretend) -> None:
    ran = kept.harness("diff", "a/one")
    assert ran.code == 1
    left, right, *rest = ran.out.splitlines()
    assert left.startswith("A  a/one  (cpu-x86_64)  2  ")
    assert right.startswith("B  a/one  (cpu-x86_64)  3  ")
    assert right.endswith("accept by Ann <ann@example.org>")
    assert rest[1] == "drifted  images  float32 64"
    assert "max_abs 0.25" in rest[2]


@pytest.mark.parametrize(
    ("words", "expected"), [((), 0.25), (("1",), 0.5), (("1", "2"), 0.25)], ids=["CASE", "N", "M"]
)
def test_any_two_entries(kept: Pretend, words: tuple[str, ...], expected: float) -> None:
    assert distance(kept, *words) == pytest.approx(expected)


def test_an_entry_equals_itself(kept: Pretend) -> None:
    accept(kept, SOON, "back")
    assert kept.harness("diff", "a/one", "2", "2", "--json", "d.json").code == 0
    told = json.loads((kept.folder / "d.json").read_text())
    assert (told["case"], told["first"], told["second"], told["entries"][1]["reason"]) == (
        "a/one",
        2,
        2,
        "a fix",
    )
    assert kept.harness("diff", "a/one", "2", "4").code == 0, "the same values were accepted again"


def test_from_another_branch_alone(kept: Pretend) -> None:
    repository = Repository(kept.folder)
    repository.git("checkout", "-q", "-b", "other")
    repository.commit("goldens")
    accept(kept, VALUES, "back")
    latest = (kept.folder / GOLDEN).read_bytes()
    repository.git("checkout", "-q", "-f", "main")
    (kept.folder / GOLDEN).write_bytes(latest)
    assert distance(kept, "3") == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("a/one", "7"), "7: a/one has no such entry; name one from 1 to 3"),
        (("a/one", "1", "9"), "9: a/one has no such entry; name one from 1 to 3"),
        (("a/two",), "a/two: its history has one entry, so there is nothing to compare"),
        (("a/none",), "a/none: has no golden in goldens; name a case that `harness log` shows"),
        (("a/one", "--platform", "mps-arm64"), "a/one: has no golden of mps-arm64; name one with --platform"),
    ],
)
def test_what_is_not_there(kept: Pretend, words: tuple[str, ...], complaint: str) -> None:
    ran = kept.harness("diff", *words)
    assert ran.code == 2
    assert complaint in ran.err


def test_of_several_platforms_one_is_named(kept: Pretend, monkeypatch: pytest.MonkeyPatch) -> None:
    for torch in ("2.13.0", "2.14.0"):
        kept.here = environment("cuda-sm90", gpu="H100", torch=torch)
        kept.harness("verify", "a/one")
        assert kept.harness("accept", "a/one", "--reason", "an upgrade").code == 0
        Repository(kept.folder).commit("goldens")
    monkeypatch.setattr("harness.commands.diff.expected_platform", lambda _device: "cpu-aarch64")
    ran = kept.harness("diff", "a/one")
    assert ran.code == 2
    assert (
        "a/one: has goldens of several platforms; name one with --platform: cpu-x86_64, cuda-sm90" in ran.err
    )
    assert kept.harness("diff", "a/one", "--platform", "cuda-sm90").code == 0


def test_a_golden_that_no_commit_has(drifted: Pretend) -> None:
    accept(drifted, SOON, "a fix")
    ran = drifted.harness("diff", "a/one")
    assert ran.code == 3
    assert "git cannot give earlier goldens (fatal: not a git repository" in ran.err
    Repository.at(drifted.folder).commit("goldens")
    ran = drifted.harness("diff", "a/one")
    assert ran.code == 3
    assert "is in no commit of this repository; it may never have been committed" in ran.err


def test_a_shallow_clone_says_so(kept: Pretend, tmp_path: Path) -> None:
    repository = Repository(kept.folder)
    repository.commit("goldens")
    repository.commit("configs")
    clone = tmp_path / "clone"
    repository.git("clone", "-q", "--depth", "1", f"file://{kept.folder}", str(clone))
    ran = Pretend(clone).harness("diff", "a/one")
    assert ran.code == 3
    assert "this clone is shallow, so run: git fetch --unshallow" in ran.err


def pointers(project: Pretend) -> str:
    """Rewrite the committed goldens as Git LFS does; returns the digest of the second one's file."""
    repository = Repository(project.folder)
    path = project.folder / GOLDEN
    latest = path.read_bytes()
    digests = []
    for commit in repository.git("rev-list", "--reverse", "HEAD").split():
        show = ["git", "cat-file", "blob", f"{commit}:{GOLDEN}"]
        content = subprocess.run(show, cwd=project.folder, check=True, capture_output=True).stdout
        digests.append(hashlib.sha256(content).hexdigest())
        kept = project.folder / "lfs" / digests[-1]
        kept.parent.mkdir(exist_ok=True)
        kept.write_bytes(content)
    shutil.rmtree(project.folder / ".git")
    repository = Repository.at(project.folder)
    for digest in digests:
        text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize 1000\n"
        path.write_text(text)
        repository.commit("goldens")
    path.write_bytes(latest)
    return digests[1]


def test_a_pointer_is_said_to_be_one_unless_its_file_is_here(kept: Pretend) -> None:
    digest = pointers(kept)
    ran = kept.harness("diff", "a/one")
    assert ran.code == 3
    assert (
        f"has a Git LFS pointer to {digest[:12]}, whose file was not fetched; run: git lfs fetch --all"
        in ran.err
    )
    store = kept.folder / ".git/lfs/objects" / digest[:2] / digest[2:4]
    store.mkdir(parents=True)
    shutil.copy(kept.folder / "lfs" / digest, store / digest)
    assert distance(kept) == pytest.approx(0.25)


def test_from_elsewhere_and_quietly(kept: Pretend, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = kept.folder / "truth"
    (kept.folder / "goldens").rename(moved)
    assert kept.harness("diff", "a/one").code == 2
    ran = kept.harness("diff", "a/one", "3", "3", "--goldens", "truth")
    quiet = kept.harness(
        "diff", "a/one", "3", "3", "--goldens", "truth", "--quiet", "--root", str(kept.folder)
    )
    assert (ran.code, quiet.code) == (0, 0)
    assert len(quiet.out) < len(ran.out)
