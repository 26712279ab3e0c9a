"""The parser, the error boundary and the exit codes; what the commands do is tested under tests/commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness import __version__
from harness.cli import main

COMMANDS = (
    *("record", "verify", "explain", "calibrate", "sensitivity", "repeat"),
    *("list", "compare", "accept", "reject", "log", "diff", "rename", "report", "prune", "env", "schema"),
    *("completion", "init", "doctor"),
    *("nightly", "history"),
)


def refused(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(words)
    return int(ended.value.code or 0)


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert refused("--help") == 0
    shown = capsys.readouterr().out
    assert all(f"\n    {command}" in shown for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(command, "--help") == 0
    assert capsys.readouterr().out.startswith(f"usage: harness {command} ")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert refused("--version") == 0
    assert capsys.readouterr().out == f"diffusers-goldens {__version__}\n"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "required: COMMAND"),
        (("verfy",), "invalid choice: 'verfy'"),
        (("verify", "--device", "tpu"), "'tpu' is not a device; accepted: auto, cpu, cuda, cuda:N, mps"),
        (("verify", "--jobs", "0"), "'0' is not a whole number of at least 1, nor auto"),
        (("repeat", "--runs", "1"), "'1' is not a whole number of at least 2"),
        (("verify", "--relation", "similar"), "similar"),
        (("env", "one.json"), "name two files to compare, or none"),
        (("env", "one.json", "two.json", "--device", "cpu"), "--device is for this machine's fingerprint"),
        (
            ("sensitivity", "--stored", "--jobs", "2", "--device", "cpu", "--no-ladder"),
            "--stored runs nothing; leave out --device, --jobs, --no-ladder",
        ),
    ],
)
def test_bad_usage_is_exit_code_2(
    words: tuple[str, ...], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refused(*words) == 2
    assert complaint in capsys.readouterr().err


def test_an_error_is_a_line_on_standard_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--configs", str(tmp_path / "nowhere")]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "nowhere" in shown.err


def test_json_on_standard_output_is_alone_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "one.yaml").write_text(
        'pipeline: DDIMPipeline\nmodel: {id: "builtin:ddpm-digits"}\nsteps: 2\n'
    )
    words = ["list", "--configs", str(tmp_path), "--goldens", str(tmp_path), "--json", "-"]
    assert main(words) == 0
    assert [case["case"] for case in json.loads(capsys.readouterr().out)["cases"]] == ["one"]


def test_an_interrupt_is_exit_code_130(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("harness.commands.prune.load_files", interrupted)
    assert main(["prune", "--goldens", str(tmp_path)]) == 130
    assert "interrupted" in capsys.readouterr().err
