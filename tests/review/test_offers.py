"""A case without golden that was probably renamed has the step that moves its golden."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.report.json_report import read_report
from harness.review.offers import offered, with_offers
from tests.support.pretend import Pretend

CONFIGS, GOLDENS = Path("configs"), Path("goldens")


@pytest.fixture
def moved(drifted: Pretend, monkeypatch: pytest.MonkeyPatch) -> Pretend:
    """`a/one` has become `b`, in the configs only, and has been verified since."""
    monkeypatch.chdir(drifted.folder)
    Path("configs/a/one.yaml").rename("configs/b.yaml")
    drifted.harness("verify")
    return drifted


def test_the_step_comes_first(moved: Pretend) -> None:
    assert dict(offered(CONFIGS, GOLDENS)) == {"b": "a/one"}
    report = read_report(Path("out/report.json").read_bytes())
    steps = {case.case: [step.argv for step in case.next_steps] for case in report.cases}
    assert steps["b"][0] == ("harness", "rename", "--goldens-only", "a/one", "b")
    assert steps["a/two"] == []
    again = with_offers(report, CONFIGS, Path("nowhere"))
    assert again == report, "an empty store offers nothing"


def test_folders_that_cannot_be_read_offer_nothing(moved: Pretend) -> None:
    assert offered(Path("nowhere"), GOLDENS) == {}
    assert offered(CONFIGS, Path("configs/b.yaml")) == {}
