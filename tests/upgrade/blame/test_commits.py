"""The commits of a source tree between two of its states."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from harness.report.views.blame import sentence
from harness.upgrade.blame.commits import Commits, NoCommits, Source, source_of
from tests.upgrade.blame.a_world import World


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", *identity, "-C", str(folder), *words], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> tuple[Path, list[str]]:
    """Five commits on main, the first tagged v1.0, the third a merge of a branch with two of its own."""
    folder = tmp_path / "tree"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    commits = [_commit(folder, "one")]
    git(folder, "tag", "v1.0")
    commits.append(_commit(folder, "two"))
    git(folder, "switch", "--quiet", "-c", "branch")
    _commit(folder, "aside")
    _commit(folder, "aside again")
    git(folder, "switch", "--quiet", "main")
    git(folder, "merge", "--quiet", "--no-ff", "-m", "three", "branch")
    commits.append(git(folder, "rev-parse", "HEAD"))
    commits += [_commit(folder, name) for name in ("four", "five")]
    return folder, commits


def _commit(folder: Path, name: str) -> str:
    (folder / "file").write_text(name)
    git(folder, "add", "file")
    git(folder, "commit", "--quiet", "-m", name)
    return git(folder, "rev-parse", "HEAD")


def test_the_commits_of_the_first_parents_lie_between(
    tmp_path: Path, repository: tuple[Path, list[str]]
) -> None:
    folder, commits = repository
    url = folder.as_uri()
    before, after = f"git+{url}@{commits[0]}", f"git+{url}@main"
    found = Commits(tmp_path / "clones").between(before, after)
    assert found == (before, *(f"git+{url}@{one}" for one in commits[1:-1]), after)


def test_the_way_back_is_the_same_commits(tmp_path: Path, repository: tuple[Path, list[str]]) -> None:
    folder, commits = repository
    before, after = (f"git+{folder.as_uri()}@{commits[place]}" for place in (-1, 0))
    found = Commits(tmp_path / "clones").between(before, after)
    assert found == (before, *(f"git+{folder.as_uri()}@{one}" for one in commits[-2:0:-1]), after)


def test_from_a_release_branch_the_way_leads_over_where_it_began(
    tmp_path: Path, repository: tuple[Path, list[str]]
) -> None:
    folder, commits = repository
    git(folder, "switch", "--quiet", "-c", "release", commits[2])
    fixed = _commit(folder, "fixed")
    git(folder, "tag", "v2.0")
    later = _commit(folder, "later")
    url = folder.as_uri()
    ways = Commits(tmp_path / "clones")
    found = ways.between("2.0", f"git+{url}@main")
    assert found == ("2.0", *(f"git+{url}@{one}" for one in commits[2:4]), f"git+{url}@main")
    before = f"git+{url}@{later}"
    found = ways.between(before, f"git+{url}@main")
    assert found == (before, *(f"git+{url}@{one}" for one in (fixed, *commits[2:4])), f"git+{url}@main")


def test_a_release_is_found_by_its_tag(tmp_path: Path, repository: tuple[Path, list[str]]) -> None:
    folder, commits = repository
    after = f"git+{folder.as_uri()}@{commits[2]}"
    found = Commits(tmp_path / "clones").between("1.0", after)
    assert found == ("1.0", f"git+{folder.as_uri()}@{commits[1]}", after)


def test_a_folder_as_it_is_comes_after_its_last_commit(
    tmp_path: Path, repository: tuple[Path, list[str]]
) -> None:
    folder, commits = repository
    url = folder.as_uri()
    found = Commits(tmp_path / "clones").between("1.0", url)
    assert found == ("1.0", *(f"git+{url}@{one}" for one in commits[1:]), url)


def test_a_clone_is_kept_and_brought_up_to_date(
    tmp_path: Path, repository: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, commits = repository
    # What is on another machine is cloned; git takes a plain path for such an address.
    before, after = f"git+{folder}@{commits[0]}", f"git+{folder}@main"
    there = Commits(tmp_path / "clones")
    first = there.between(before, after)
    assert first is not None
    last = _commit(folder, "six")
    second = there.between(before, after)
    assert second == (*first[:-1], f"git+{folder}@{commits[-1]}", after)
    assert last != commits[-1]
    assert len(list((tmp_path / "clones").iterdir())) == 1


@pytest.mark.parametrize(("before", "after"), [
    ("1.0", "1.1"),
    (None, "git+https://example.org/a@main"),
    ("git+https://example.org/a@x", "git+https://example.org/b@y"),
])  # fmt: skip
def test_what_has_no_common_history_has_no_commits(tmp_path: Path, before: str | None, after: str) -> None:
    assert Commits(tmp_path).between(before, after) is None


def test_a_version_without_a_tag_has_no_commits(tmp_path: Path, repository: tuple[Path, list[str]]) -> None:
    folder, _ = repository
    assert Commits(tmp_path).between("7.0", f"git+{folder.as_uri()}@main") is None


def test_a_repository_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    missing = (tmp_path / "missing").as_uri()
    with pytest.raises(NoCommits, match=r"git .*make the repository reachable, or name releases"):
        Commits(tmp_path / "clones").between(f"git+{tmp_path}/missing@a", f"git+{tmp_path}/missing@b")
    assert Commits(tmp_path / "clones").between("1.0", missing) is None


def test_blame_goes_on_to_the_commit(tmp_path: Path, repository: tuple[Path, list[str]]) -> None:
    """The number changes with the fourth commit; the golden is of the tagged release."""
    folder, commits = repository
    main = f"git+{folder.as_uri()}@main"

    def rule(packages: Mapping[str, str], _number: int) -> float:
        ref = "v1.0" if packages["p"] == "1.0" else packages["p"].rpartition("@")[2]
        return 2.0 if git(folder, "show", f"{ref}:file") in ("four", "five") else 1.0

    world = World(tmp_path, rule, {}, {"p": main, "q": "2"})
    world.golden({"p": "1.0", "q": "1"})
    (blame,) = world.blame()
    (change,) = blame.changes
    assert (change.package, change.before, change.after) == (
        "p", f"git+{folder.as_uri()}@{commits[2]}", f"git+{folder.as_uri()}@{commits[3]}",
    )  # fmt: skip
    assert blame.confirmed
    assert sentence(blame).startswith(f"p commit {commits[2][:10]} → commit {commits[3][:10]} changed a/case")


@pytest.mark.parametrize(("address", "source"), [
    ("git+https://example.org/a.git@v1", Source("https://example.org/a.git", "v1")),
    ("git+ssh://git@example.org/a.git@main", Source("ssh://git@example.org/a.git", "main")),
    ("git+https://example.org/a@feature/x#egg=a", Source("https://example.org/a", "feature/x")),
    ("1.0", None),
    ("file:///no/repository/at/all", None),
    ("https://example.org/a-1.0-py3-none-any.whl", None),
])  # fmt: skip
def test_what_an_address_means(address: str, source: Source | None) -> None:
    assert source_of(address) == source
