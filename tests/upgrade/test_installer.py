"""Resolving and installing from a folder of wheels, with every installer that is there."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.upgrade.index import Index
from harness.upgrade.installer import (
    Installer,
    NotInstalled,
    Pip,
    Unresolvable,
    Uv,
    Wish,
    _told,
    installer,
    python_of,
)
from harness.upgrade.lock import Lock
from tests.support.wheels import wheel

UV = os.environ.get("UV") or shutil.which("uv")

HERE = Lock({"alpha": "1.0", "beta": "1.0", "gamma": "1.0"})


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Alpha 2 needs beta 2; gamma goes with any; delta contradicts beta 2."""
    folder = tmp_path_factory.mktemp("wheels")
    for name in ("alpha", "beta", "gamma"):
        for version in ("1.0", "1.1", "2.0"):
            wheel(folder, name, version, requires=["beta>=2"] if (name, version) == ("alpha", "2.0") else ())
    wheel(folder, "delta", "1.0", requires=["beta<2"])
    return folder


@pytest.fixture(params=["pip", pytest.param("uv", marks=pytest.mark.skipif(not UV, reason="uv is not here"))])
def tool(request: pytest.FixtureRequest, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> Installer:
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    index = Index(find_links=(str(wheels),), no_index=True)
    return Pip(index) if request.param == "pip" else Uv(str(UV), index)


def wish(*requirements: str) -> Wish:
    return Wish(requirements, tuple(HERE.packages), HERE)


def test_as_little_as_possible_moves(tool: Installer) -> None:
    assert tool.resolve(wish("gamma==1.1")) == Lock({"alpha": "1.0", "beta": "1.0", "gamma": "1.1"})


def test_a_companion_that_has_to_move_does(tool: Installer) -> None:
    found = tool.resolve(wish("alpha==2.0"))
    assert found == Lock({"alpha": "2.0", "beta": "2.0", "gamma": "1.0"})


def test_what_contradicts_itself_is_named(tool: Installer) -> None:
    with pytest.raises(Unresolvable, match=r"(?s)delta.*beta|beta.*delta"):
        tool.resolve(wish("alpha==2.0", "delta==1.0"))


def test_what_does_not_exist_is_named(tool: Installer) -> None:
    with pytest.raises(Unresolvable, match="epsilon") as refused:
        tool.resolve(wish("epsilon==1.0"))
    # What the installer draws around its words is no part of a sentence.
    assert not any(mark in str(refused.value) for mark in ("×", "╰", "cause:", "error:", "\n"))


def test_an_environment_has_exactly_what_the_lock_says(tool: Installer, tmp_path: Path) -> None:
    folder = tmp_path / "environment"
    tool.create(folder)
    tool.install(Lock({"alpha": "2.0", "gamma": "1.1"}), folder)
    script = (
        "import importlib.metadata as m; print(sorted((d.name, d.version) for d in m.distributions() "
        "if d.name not in ('pip', 'setuptools')))"
    )
    done = subprocess.run([python_of(folder), "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[('alpha', '2.0'), ('gamma', '1.1')]"


def test_what_cannot_be_installed_is_named(tool: Installer, tmp_path: Path) -> None:
    tool.create(tmp_path / "environment")
    with pytest.raises(NotInstalled, match="epsilon"):
        tool.install(Lock({"epsilon": "1.0"}), tmp_path / "environment")


def test_uv_comes_first_where_it_is_there_and_can_be_told_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV", "/opt/uv")
    assert installer(Index()).name == "uv"
    assert installer(Index(unknown=("proxy",))).name == "pip"
    assert installer(Index(), "pip").name == "pip"
    monkeypatch.delenv("UV")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert installer(Index()).name == "pip"
    with pytest.raises(UsageError, match="--installer uv: not found"):
        installer(Index(), "uv")


def test_the_versions_that_there_are_do_not_bury_the_message() -> None:
    many = ", ".join(f"0.{number}" for number in range(90))
    told = _told(f"ERROR: No version of d==99 (from versions: {many})\nERROR: No matching distribution")
    assert told == "No version of d==99 (the newest: 0.87, 0.88, 0.89) No matching distribution"
    assert _told("none (from versions: none)") == "none (from versions: none)"


def test_what_was_asked_for_by_its_address_keeps_it(tool: Installer, tmp_path: Path) -> None:
    """A wheel of another place, and one that is there already and only stays."""
    place = wheel(tmp_path, "alpha", "1.5").as_uri()
    assert tool.resolve(wish(f"alpha @ {place}")).packages["alpha"] == place
    here = Lock({"alpha": place, "beta": "1.0"})
    found = tool.resolve(Wish(("beta==1.1",), here.words(here.packages), here))
    assert found == Lock({"alpha": place, "beta": "1.1"})
