"""Text of others (exceptions, logs, names) reaches terminals, CI logs and reports as text, never as a command."""

from __future__ import annotations

import io
import json
import re
import unicodedata
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from harness.cli import main
from harness.core.environment import Change
from harness.core.results.next_step import advice
from harness.core.results.reasons import said
from harness.core.results.recording import RecordReport, RecordResult, RecordState
from harness.core.results.verdict import CaseResult, ExactFinding, Report, Verdict
from harness.invocation.emit import emit_json
from harness.invocation.options import Options
from harness.report.formats.junit import junit_xml
from harness.report.formats.markdown import markdown
from harness.report.json_report import read_report, verify_json
from harness.report.terminal import Screen

# From the documentation of each service.
COMMANDS = [
    "::error file=app.js,line=1::forged",
    "::set-output name=token::forged",
    "  ::add-mask::e",
    "\u00a0::stop-commands::forged",
    "::debug::",
    "##[error]forged",
    "done ##[set-env name=PATH;]forged",
    "##vso[task.setvariable variable=token]forged",
    "text ##VSO[task.complete result=Succeeded;]",
    "##teamcity[buildStatus status='SUCCESS']",
    "section_start:1560896352:my_section\r\x1b[0KHeader",
    "\x1b[0Ksection_end:1560896352:my_section\r\x1b[0K",
    "travis_fold:start:forged\r\x1b[0K",
    "--- forged group",
    "+++ forged group",
    "~~~ forged group",
]
TERMINAL = [
    "\x1b[2J\x1b[1;31mred",
    "\x1b]52;c;cm0gLXJmIC8=\x07",
    "\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\",
    "\x9b2J\x9d0;title\x9c",
    "identical\rdrifted",
    "drifted\x08\x08\x08\x08\x08\x08\x08identical",
    "\u202egnp.exe \u2066x\u2069",
    "in\u200bvis\u2060ible\ufeff \U000e0041\U000e0042",
    "\x7f\x00\x85\u2028\u2029",
]
HOSTILE = "\n".join(["ValueError: it began well", *COMMANDS, *TERMINAL])

# What GitHub's runner, Azure's agent and the others look for, line by line.
OBEYED = re.compile(
    r"^\s*::|##\[|##vso\[|##teamcity\[|^\s*section_(start|end):|^\s*travis_fold:|^(---|\+\+\+|~~~|\^\^\^) ",
    re.IGNORECASE,
)


def obeyed(printed: str) -> list[str]:
    """The lines that a CI service or a terminal would act upon."""
    lines = re.split("[\n\r\x0b\x0c\x85\u2028\u2029]", printed)
    return [line for line in lines if OBEYED.search(line) or any(map(_acts, line))]


def _acts(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def result(text: str, case: str = "sd/image") -> CaseResult:
    return CaseResult(
        case,
        Verdict.BROKEN,
        "cpu-x86_64",
        None,
        f"goldens/{text}",
        said(text),
        1.0,
        exact_findings=(ExactFinding(text, text, text, fails=True),),
        environment_changes=(Change(f"software.packages.{text}", text, text),),
        next_steps=advice(text),
        log=tuple(text.splitlines()),
        warnings=(text,),
    )


def skipped(text: str) -> CaseResult:
    return CaseResult("hub/one", Verdict.SKIPPED, None, None, None, said(text), 0.0, warnings=(text,))


def reports(text: str) -> list[Report]:
    return [
        Report(None, (result(text), skipped(text))),
        Report(None, (result(text, case=" ".join(text.split())),)),
    ]


@pytest.mark.parametrize("quiet", [False, True])
@pytest.mark.parametrize("text", [*COMMANDS, *TERMINAL, HOSTILE])
def test_nothing_that_a_screen_prints_is_obeyed(text: str, quiet: bool) -> None:
    stream = io.StringIO()
    screen = Screen(quiet=quiet, stream=stream)
    for report in reports(text):
        screen.show_verify(report)
    recorded = RecordResult(
        text, RecordState.ERROR, text, None, said(text), 1.0, log=(text,), warnings=(text,)
    )
    screen.show_record(RecordReport(None, (recorded, replace(recorded, state=RecordState.KEPT))))
    screen.note(text)
    screen.show_changes([Change(text, text, text)], text, text)
    assert "forged" in stream.getvalue() or "forged" not in text or quiet
    assert obeyed(stream.getvalue()) == []


@pytest.mark.parametrize("width", range(40, 60))
def test_nor_is_what_begins_a_line_because_it_was_wrapped_there(width: int) -> None:
    stream = io.StringIO()
    screen = Screen(quiet=False, stream=stream, width=width)
    screen.show_verify(Report(None, (skipped(f"{'word ' * 7}::error::forged {'x' * 70}::warning::forged"),)))
    assert "::warning" in stream.getvalue().replace("\n", "").replace(" ", "")
    assert obeyed(stream.getvalue()) == []


@pytest.mark.parametrize("text", [*COMMANDS, *TERMINAL, HOSTILE])
def test_warnings_and_errors_of_a_command_are_text(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(quiet=True)
    screen.warn(text)
    screen.show_error(f"cpu: the worker died\n{text}")
    told = capsys.readouterr()
    assert obeyed(told.err) == []
    assert told.err.startswith("warning: ")
    assert "\nerror: cpu: the worker died\n" in told.err


def test_what_is_made_harmless_can_still_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    Screen(quiet=False).show_error("a\n  ::error::b\n##[error]c\n--- d\nat::native::e\n# f ## [g]")
    expected = "error: a\n  \\::error::b\n#\\#[error]c\n\\--- d\nat::native::e\n# f ## [g]\n"
    assert capsys.readouterr().err == expected


@pytest.mark.parametrize("argument", ["\n::error::forged", "\n##[error]", "\x1b]0;forged\x07\n::error::x"])
@pytest.mark.parametrize("place", [("verify", "--relation"), ("list", "--no-such-option")])
def test_bad_usage_repeats_arguments_as_text(
    argument: str, place: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([*place, argument])
    assert obeyed(capsys.readouterr().err) == []


def test_a_report_that_someone_else_wrote_is_shown_as_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "report.json").write_text(verify_json(Report(None, (result(HOSTILE), skipped(HOSTILE)))))
    files = [tmp_path / name for name in ("j.xml", "m.md")]
    words = ["report", "--out", str(tmp_path), "--junit", str(files[0]), "--markdown", str(files[1])]
    assert main(words) == 1
    told = capsys.readouterr()
    assert obeyed(told.out) == obeyed(told.err) == []
    assert "sd/image" in told.out
    assert all(obeyed(file.read_text()) == [] for file in files)


@pytest.mark.parametrize("text", [*COMMANDS, *TERMINAL, HOSTILE])
def test_json_on_standard_output_is_text_too_and_says_the_same(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    emit_json(verify_json(Report(None, (result(text),))), Options(json="-"))
    told = capsys.readouterr().out
    assert obeyed(told) == []
    assert read_report(told).cases[0].reasons == said(text)


def test_the_saved_json_keeps_the_raw_text() -> None:
    report = Report(None, (result(HOSTILE),))
    assert read_report(verify_json(report)).cases[0].reasons == said(HOSTILE)
    assert json.loads(verify_json(report))["cases"][0]["log"] == HOSTILE.splitlines()


@pytest.mark.parametrize("text", [*COMMANDS, *TERMINAL, HOSTILE])
def test_junit_is_xml_whatever_is_in_it(text: str) -> None:
    xml = junit_xml(Report(None, (result(text), skipped(text))), allow_missing=False, strict=False)
    root = ElementTree.fromstring(xml)
    assert len(root.findall(".//testcase")) == 2
    told = "".join(root.itertext())
    assert obeyed(told) == []


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("ping @torvalds and @org/team", r"(?<![\w])@\w"),
        ("fixes #12, owner/repo#34, GH-5", r"#\d|GH-\d"),
        ("see https://evil.example or www.evil.example", r"://|\bwww\."),
        ("![x](https://evil.example/pixel.png)", r"!\[x\]\("),
        ("<img src=x onerror=alert(1)> <!-- <details>", r"(?<!\\)<(?!!-- -->)"),
        ("a | b ` c ``` d **bold** _it_ ~~no~~ $x$", r"(?<!\\)[|`*~$]"),
    ],
)
def test_markdown_calls_links_and_embeds_nothing(text: str, taken: str) -> None:
    shown = markdown(Report(None, (skipped(text),)))
    told = [line for line in shown.splitlines() if line.startswith("- skipped `hub/one`: ")]
    assert len(told) == 1
    assert not re.search(taken, told[0].removeprefix("- skipped `hub/one`: "))


def test_markdown_fences_hold_what_is_in_them() -> None:
    shown = markdown(Report(None, (result("```\n````\n@torvalds <script>\n~~~\n" + HOSTILE),)))
    opening = re.search(r"^(`{3,})text$", shown, re.MULTILINE)
    assert opening is not None
    inside = shown[opening.end() :].partition(f"\n{opening[1]}\n")[0]
    assert "@torvalds" in inside
    assert re.search(rf"^\s*{opening[1]}", inside, re.MULTILINE) is None
