"""Whose history is meant, and which golden's."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.golden.store import GoldenStore
from harness.invocation.options import Options
from harness.review.log import histories, history, platform_of
from tests.golden.builders import environment
from tests.support.pretend import Pretend


@pytest.fixture
def store(drifted: Pretend, monkeypatch: pytest.MonkeyPatch) -> GoldenStore:
    monkeypatch.chdir(drifted.folder)
    return GoldenStore(Path("goldens"))


def test_each_golden_of_the_selected_cases(store: GoldenStore, drifted: Pretend) -> None:
    assert [(one.case, one.platform, len(one.entries)) for one in histories(Options())] == [
        ("a/one", "cpu-x86_64", 1),
        ("a/two", "cpu-x86_64", 1),
    ]
    assert [one.case for one in histories(Options(select=("a/two",)))] == ["a/two"]
    drifted.harness("reject", "a/one", "--reason", "wrong")
    drifted.golden("a/one").unlink()
    [one, _] = histories(Options())
    assert (one.case, one.entries, len(one.rejections)) == ("a/one", (), 1), "what stands without a golden"


def test_the_machine_s_own_golden_or_the_only_one_is_meant(store: GoldenStore, drifted: Pretend) -> None:
    assert platform_of("a/one", None, "cpu-aarch64", store) == "cpu-x86_64"
    drifted.here = environment("cuda-sm90", gpu="H100")
    drifted.harness("verify")
    drifted.harness("accept", "a/one")
    assert platform_of("a/one", None, "cpu-x86_64", store) == "cpu-x86_64"
    assert platform_of("a/one", "cuda-sm90", "cpu-x86_64", store) == "cuda-sm90"
    with pytest.raises(UsageError, match="a/one: has goldens of several platforms; name one with --platform"):
        platform_of("a/one", None, "mps-arm64", store)
    assert len(history("a/one", "cuda-sm90", store).entries) == 1
