"""The bars of pipelines report their position and draw nothing, and are put back afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from diffusers.pipelines import pipeline_utils
from diffusers.pipelines.pipeline_utils import DiffusionPipeline

from harness.worker import progress
from harness.worker.progress import reported


class Silent(DiffusionPipeline):
    """A pipeline without parts, for its progress bar."""


@pytest.fixture
def _every_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_REPORTS", 0.0)


def run(action: Any, pipeline: DiffusionPipeline | None = None) -> list[tuple[int, int]]:
    reports: list[tuple[int, int]] = []
    with reported(lambda step, total: reports.append((step, total))):
        action(pipeline or Silent())
    return reports


@pytest.mark.usefixtures("_every_report")
def test_a_bar_over_an_iterable_reports_each_step_done() -> None:
    seen = []

    def steps(pipeline: DiffusionPipeline) -> None:
        seen.extend(pipeline.progress_bar(["a", "b", "c"]))

    assert run(steps) == [(1, 3), (2, 3), (3, 3)]
    assert seen == ["a", "b", "c"]


@pytest.mark.usefixtures("_every_report")
def test_a_bar_with_a_total_reports_each_update() -> None:
    def steps(pipeline: DiffusionPipeline) -> None:
        with pipeline.progress_bar(total=4) as bar:
            bar.update()
            bar.update(3)

    assert run(steps) == [(1, 4), (4, 4)]


@pytest.mark.usefixtures("_every_report")
def test_a_bar_without_a_known_total_reports_zero() -> None:
    def steps(pipeline: DiffusionPipeline) -> None:
        for _ in pipeline.progress_bar(iter("ab")):
            pass

    assert run(steps) == [(1, 0), (2, 0)]


@pytest.mark.usefixtures("_every_report")
def test_a_bar_that_was_switched_off_reports_all_the_same() -> None:
    pipeline = Silent()
    pipeline.set_progress_bar_config(disable=True)
    assert run(lambda it: list(it.progress_bar(range(2))), pipeline) == [(1, 2), (2, 2)]


def test_the_last_step_is_reported_however_fast_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_REPORTS", 3600.0)
    reports = run(lambda it: list(it.progress_bar(range(1000))))
    assert len(reports) <= 2
    assert reports[-1] == (1000, 1000)


def test_nothing_is_drawn(capfd: pytest.CaptureFixture[str]) -> None:
    run(lambda it: list(it.progress_bar(range(3))))
    assert capfd.readouterr() == ("", "")


def test_the_bars_are_put_back_also_after_an_exception() -> None:
    before = pipeline_utils.tqdm
    with pytest.raises(ZeroDivisionError):
        run(lambda it: 1 / 0)
    assert pipeline_utils.tqdm is before
