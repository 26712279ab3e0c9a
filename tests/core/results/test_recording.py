"""The exit codes of `record` and `repeat`."""

from __future__ import annotations

import pytest

from harness.core.results.recording import RecordReport, RecordResult, RecordState, RepeatReport, RepeatResult


def _record(*states: RecordState) -> RecordReport:
    return RecordReport(None, tuple(RecordResult("digits", state, None, None, (), 0.0) for state in states))


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (RecordState.RECORDED, 0),
        (RecordState.UPDATED, 0),
        (RecordState.UNCHANGED, 0),
        (RecordState.KEPT, 0),
        (RecordState.SKIPPED, 0),
        (RecordState.NONDETERMINISTIC, 1),
        (RecordState.BROKEN, 1),
        (RecordState.STALE, 1),
        (RecordState.ERROR, 3),
    ],
)
def test_the_exit_code_of_recording(state: RecordState, code: int) -> None:
    assert _record(RecordState.RECORDED, state).exit_code() == code


def test_an_error_outweighs_what_is_nondeterministic() -> None:
    assert _record(RecordState.NONDETERMINISTIC, RecordState.ERROR).exit_code() == 3


def test_the_summary_counts_in_the_order_of_the_states() -> None:
    summary = _record(RecordState.ERROR, RecordState.KEPT, RecordState.KEPT).summary()
    assert list(summary.items()) == [(RecordState.KEPT, 2), (RecordState.ERROR, 1)]


def _repeat(*results: tuple[bool | None, bool]) -> RepeatReport:
    cases = (
        RepeatResult("digits", None, 3, deterministic, (), (), 0.0, skipped)
        for deterministic, skipped in results
    )
    return RepeatReport(None, tuple(cases))


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([], 0),
        ([(True, False)], 0),
        ([(True, False), (None, True)], 0),
        ([(True, False), (False, False)], 1),
        ([(False, False), (None, False)], 3),
    ],
)
def test_the_exit_code_of_repeating(results: list[tuple[bool | None, bool]], code: int) -> None:
    assert _repeat(*results).exit_code() == code


def test_a_recording_that_was_not_finished_is_no_pass() -> None:
    assert RecordReport(None, (), finished=False, not_run=("digits",)).exit_code() == 3
