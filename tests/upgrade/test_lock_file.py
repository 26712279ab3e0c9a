"""Locks as other tools write them, for this Python and machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.upgrade.lock_file import lock_of_file

REQUIREMENTS = """\
numpy==2.2.6 ; python_version >= "3.0"
numpy==1.0 ; python_version < "3.0"
colorama==0.4.6 ; sys_platform == "win32" \\
    --hash=sha256:00
pillow==11.0 --hash=sha256:00
"""

PYLOCK = """\
lock-version = "1.0"
[[packages]]
name = "NumPy"
version = "2.2.6"
marker = "python_version >= '3.0'"
[[packages]]
name = "numpy"
version = "1.0"
marker = "python_version < '3.0'"
[[packages]]
name = "here"
directory = { path = "src" }
[[packages]]
name = "git"
vcs = { type = "git", url = "https://a.example/git", commit-id = "abc" }
[[packages]]
name = "wheel"
archive = { url = "https://a.example/wheel.whl" }
"""

UV_LOCK = """\
version = 1
[[package]]
name = "mine"
version = "0.1.0"
source = { editable = "." }
dependencies = [
    { name = "numpy", version = "1.0", marker = "python_version < '3.0'" },
    { name = "numpy", version = "2.2.6", marker = "python_version >= '3.0'" },
    { name = "pywin32", marker = "sys_platform == 'no-such'" },
    { name = "diffusers" },
]
[package.dev-dependencies]
dev = [{ name = "pytest" }]
[[package]]
name = "numpy"
version = "1.0"
source = { registry = "https://a.example" }
[[package]]
name = "numpy"
version = "2.2.6"
source = { registry = "https://a.example" }
[[package]]
name = "pywin32"
version = "3"
[[package]]
name = "diffusers"
version = "0.43.0.dev0"
source = { git = "https://a.example/git?branch=main&subdirectory=sub#abc" }
dependencies = [{ name = "pillow" }]
[[package]]
name = "pillow"
version = "11.0"
[[package]]
name = "pytest"
version = "8"
"""


def read(folder: Path, name: str, text: str) -> dict[str, str]:
    path = folder / name
    path.write_text(text)
    return dict(lock_of_file(path).packages)


def test_lines_for_other_machines_are_passed_over(tmp_path: Path) -> None:
    assert read(tmp_path, "requirements.txt", REQUIREMENTS) == {"numpy": "2.2.6", "pillow": "11.0"}


def test_a_pylock_names_places_and_markers(tmp_path: Path) -> None:
    assert read(tmp_path, "pylock.toml", PYLOCK) == {
        "numpy": "2.2.6", "here": (tmp_path / "src").as_uri(), "git": "git+https://a.example/git@abc",
        "wheel": "https://a.example/wheel.whl",
    }  # fmt: skip


def test_a_uv_lock_holds_what_the_project_needs_here_and_not_the_project(tmp_path: Path) -> None:
    assert read(tmp_path, "uv.lock", UV_LOCK) == {
        "numpy": "2.2.6", "pillow": "11.0", "pytest": "8",
        "diffusers": "git+https://a.example/git@abc#subdirectory=sub",
    }  # fmt: skip


def test_a_uv_lock_without_a_project_is_needed_as_a_whole(tmp_path: Path) -> None:
    text = '[[package]]\nname = "a"\nversion = "1"\n[[package]]\nname = "b"\nversion = "2"\n'
    assert read(tmp_path, "uv.lock", text) == {"a": "1", "b": "2"}


@pytest.mark.parametrize(("name", "text", "told"), [
    ("pylock.toml", "not toml", "cannot be read as a lock (TOMLDecodeError:"),
    ("uv.lock", "package = 7", "cannot be read as a lock (TypeError:"),
    ("uv.lock", "[[package]]\nversion = '1'", "cannot be read as a lock (KeyError:"),
    ("requirements.txt", "a==1 ; nonsense", "cannot be read as a lock (InvalidMarker:"),
    ("requirements.txt", "diffusers>=0.43", "pins no package; give a lock with NAME==VERSION in every line"),
])  # fmt: skip
def test_what_is_no_lock_is_refused(tmp_path: Path, name: str, text: str, told: str) -> None:
    with pytest.raises(UsageError) as refused:
        read(tmp_path, name, text)
    assert f"{name}: {told}" in str(refused.value)


@pytest.mark.parametrize("kind", ["path", "directory"])
def test_a_uv_lock_names_archives_and_folders_by_their_place(tmp_path: Path, kind: str) -> None:
    text = f'[[package]]\nname = "a"\nversion = "1"\nsource = {{ {kind} = "there" }}\n'
    assert read(tmp_path, "uv.lock", text) == {"a": (tmp_path / "there").as_uri()}
