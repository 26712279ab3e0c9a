"""What stopped several cases at once is one block; nothing that another case says is lost by it."""

from __future__ import annotations

import io
from dataclasses import replace

from harness.core.results.next_step import advice, harness_step
from harness.core.results.reasons import said
from harness.core.results.verdict import CaseResult, Report, Verdict
from harness.report.alike import Alike, alike, alike_details, alone, logged_once
from harness.report.details import text_of
from harness.report.terminal import Screen


def result(case: str, reason: str = "torch is not here", *log: str, step: str = "fix it") -> CaseResult:
    reasons, steps = said(reason), advice(step)
    return CaseResult(case, Verdict.ERROR, None, None, None, reasons, 0.0, next_steps=steps, log=log)


def test_cases_with_the_same_report_are_one_group() -> None:
    results = [result("a"), result("b", "torch is not here", "its log"), result("c")]
    groups = alike(results)
    assert groups == [Alike("torch is not here", advice("fix it"), ("its log",), ("a", "b", "c"))]
    assert alone(results, groups) == []


def test_a_case_that_differs_in_anything_is_reported_separately() -> None:
    results = [
        result("a", "exited with code 1", "one log"),
        result("b", "exited with code 1", "another log"),
        result("c", step="run: harness verify c"),
        result("d", step="run: harness verify d"),
        result("e", "another reason"),
        result("f", ""),
        result("g", ""),
    ]
    assert alike(results) == []
    assert alone(results, []) == results


def test_the_same_log_is_kept_once() -> None:
    results = [result(name, "x", "a log") for name in "abc"] + [result("d", "y", "a log")]
    assert [one.log for one in logged_once(results)] == [("a log",), (), (), ("a log",)]
    assert [replace(one, log=()) for one in logged_once(results)] == [replace(one, log=()) for one in results]


def test_the_block() -> None:
    group = Alike(
        "torch is not here\nreally", (harness_step("fix it, then check", "env"),), ("a log",), tuple("abcde")
    )
    assert text_of(alike_details(group)) == (
        "error  torch is not here\n  really\n  5 cases could not run: a, b, c and 2 more\n"
        "  log:\n    a log\n  next: fix it, then check:\n    harness env"
    )
    two = Alike("x", (), (), ("a", "b"))
    assert text_of(alike_details(two)) == "error  x\n  2 cases could not run: a, b"


def test_it_stands_at_the_top() -> None:
    stream = io.StringIO()
    report = Report(None, (result("a"), result("b"), result("c", "another reason")))
    Screen(quiet=False, stream=stream, width=80).show_verify(report)
    shown = stream.getvalue()
    assert shown.startswith("error  torch is not here\n  2 cases could not run: a, b\n  next: fix it\n\ncase")
    assert shown.count("torch is not here") == 1
    assert "error  c\n  another reason\n" in shown
