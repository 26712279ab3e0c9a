"""A rename that was interrupted is completed; one that cannot be changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import ConfigError, UsageError
from harness.golden.moves import copied, planned
from harness.golden.store import GoldenStore
from harness.review.rename import Names, renamed_goldens, renamed_with_config
from tests.golden.builders import DECISION
from tests.support.pretend import Pretend

CONFIGS = Path("configs")
NAMES = Names("a/one", "b")


@pytest.fixture
def store(drifted: Pretend, monkeypatch: pytest.MonkeyPatch) -> GoldenStore:
    monkeypatch.chdir(drifted.folder)
    return GoldenStore(Path("goldens"))


def test_a_rename_killed_before_the_config_moved(store: GoldenStore) -> None:
    copied(planned(store, "a/one", "b"), DECISION)
    report = renamed_with_config(NAMES, CONFIGS, store, DECISION)
    assert (report.completed, [one.what for one in report.moved]) == (True, ["config", "golden"])
    assert store.platforms("a/one") == ()


def test_a_rename_killed_after_the_config_moved(store: GoldenStore) -> None:
    copied(planned(store, "a/one", "b"), DECISION)
    Path("configs/a/one.yaml").rename("configs/b.yaml")
    report = renamed_with_config(NAMES, CONFIGS, store, DECISION)
    assert (report.completed, [one.new for one in report.moved]) == (
        True,
        ["goldens/b/cpu-x86_64.safetensors"],
    )
    with pytest.raises(UsageError, match="a/one: no config gives it; `harness list` shows the cases"):
        renamed_with_config(NAMES, CONFIGS, store, DECISION)


def test_a_config_moved_by_hand_names_the_other_way(store: GoldenStore) -> None:
    Path("configs/a/one.yaml").rename("configs/b.yaml")
    with pytest.raises(UsageError) as caught:
        renamed_with_config(NAMES, CONFIGS, store, DECISION)
    assert "harness rename --goldens-only a/one b" in str(caught.value)
    assert not renamed_goldens(NAMES, CONFIGS, store, DECISION).completed


def test_a_config_with_problems_stays(store: GoldenStore) -> None:
    Path("configs/a/one.yaml").write_text("pipeline: 3")
    with pytest.raises(ConfigError):
        renamed_with_config(NAMES, CONFIGS, store, DECISION)
    assert Path("configs/a/one.yaml").exists()


def test_an_entry_that_the_new_family_lacks(store: GoldenStore, drifted: Pretend) -> None:
    drifted.config("fam", Path("configs/a/two.yaml").read_text() + "matrix: {eta: [0.0, 1.0]}\n")
    Path("configs/a/one.yaml").unlink()
    with pytest.raises(UsageError, match="fam: no config gives it; name the ids of single cases"):
        renamed_goldens(Names("a/one", "fam"), CONFIGS, store, DECISION)
