from __future__ import annotations

import io
import subprocess
import sys

import pytest

from harness.report.terminal import Screen
from tests.report.samples import LISTED, PASSING
from tests.report.screens import Terminal, shown, shown_in_colour


def _verify(screen: Screen) -> None:
    screen.show_verify(PASSING)


def test_no_control_sequence_on_a_pipe_even_when_colour_is_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" not in shown(_verify)


def test_no_color_takes_the_colours_of_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[" in shown_in_colour(_verify)
    monkeypatch.setenv("NO_COLOR", "1")
    assert shown_in_colour(_verify) == shown(_verify)


def test_a_dumb_terminal_does_not_count_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert shown_in_colour(_verify) == shown(_verify)
    stream = Terminal()
    with Screen(quiet=False, stream=stream).watch(1) as progress:
        progress.started("a")
    assert stream.getvalue() == ""


def test_the_width_of_a_pipe_is_80_whatever_the_terminal_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = shown(_verify)
    monkeypatch.setenv("COLUMNS", "200")
    assert shown(_verify) == before


def test_a_terminal_is_used_in_its_full_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    wide = shown_in_colour(_verify, width=120)
    assert "ddpm-digits/ddim@seed=1  cpu-x86_64  same-hardware  within" in wide


def test_errors_and_warnings_go_whole_and_plain_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(quiet=True)
    long = "configs/a.yaml: " + "word " * 60 + "[red]end[/red]"
    screen.show_error(long)
    screen.warn("\x1b[31mfloating\x1b[0m revision\nsecond line")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"error: {long}\nwarning: floating revision\nsecond line\n"


def test_notes_are_not_wrapped_and_not_shown_when_quiet() -> None:
    path = "unused: goldens/" + "deep/" * 40 + "cpu-x86_64.safetensors"
    assert shown(lambda screen: screen.note(path)) == path + "\n"
    assert shown(lambda screen: screen.note(path), quiet=True) == ""


def test_markup_and_emoji_codes_are_plain_text() -> None:
    assert shown(lambda screen: screen.note("[bold]x[/bold] :smile: [/]")) == "[bold]x[/bold] :smile: [/]\n"


def test_an_encoding_without_the_characters_gets_escapes() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", newline="\n")
    screen = Screen(quiet=False, stream=stream)
    screen.note("sd/七")
    screen.show_list(LISTED[:1], "cpu-x86_64")
    stream.flush()
    text = raw.getvalue().decode("ascii")
    assert text.startswith("sd/\\u4e03\ncase ")
    assert "\n-----" in text


def test_the_list_loads_neither_torch_nor_pydantic() -> None:
    code = (
        "import sys\n"
        "from harness.report.terminal import Screen\n"
        "Screen(quiet=False).show_list([], 'cpu-x86_64')\n"
        "heavy = {'torch', 'diffusers', 'pydantic', 'numpy', 'rich.table', 'rich.live', 'rich.markdown'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "no cases\n[]\n"


def test_commands_to_the_service_that_reads_the_log_stay_as_they_are() -> None:
    line = f"::error file=a.yaml::{'x ' * 200}[bold]"
    assert (
        shown(lambda screen: screen.command([line, "::warning::b"]), quiet=True) == f"{line}\n::warning::b\n"
    )


@pytest.mark.parametrize(
    ("typed", "answer", "end"),
    [
        (b"a line\r\nanother", "a line", ""),
        (b"\n", "", ""),
        (b"last", "last", ""),
        (b"", None, "\n"),
        (b"\xff\xfe\n", None, "\n"),
    ],
)
def test_a_question_is_answered_by_a_line_or_by_the_end(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    typed: bytes,
    answer: str | None,
    end: str,
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(typed), encoding="utf-8"))
    asking = Screen(quiet=True)
    assert not asking.can_ask
    assert asking.ask("which\x1b[31m? ") == answer
    assert capsys.readouterr() == ("", f"which? {end}")


def test_without_standard_input_there_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    assert not Screen(quiet=True).can_ask
    assert Screen(quiet=True).ask("which? ") is None
