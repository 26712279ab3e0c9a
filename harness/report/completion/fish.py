"""The completion script for fish: one `complete` for each command and option."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.report.completion.words import CompletedCommand, CompletedOption

_HEAD = "# Completion of harness in fish. In ~/.config/fish/config.fish: harness completion fish | source"


def script(commands: Sequence[CompletedCommand]) -> str:
    """The script; fish completes paths where nothing else is said."""
    lines = [_HEAD, "complete -c harness -n __fish_use_subcommand -f -l help -d 'show this help'"]
    for command in commands:
        lines += _lines(command)
    return "\n".join(lines) + "\n"


def _lines(command: CompletedCommand) -> Iterator[str]:
    name = command.name
    yield f"complete -c harness -n __fish_use_subcommand -f -a {name} -d {_quoted(command.summary)}"
    seen = f"complete -c harness -n {_quoted(f'__fish_seen_subcommand_from {name}')}"
    if command.values:
        yield f"{seen} -f -a {_quoted(' '.join(command.values))}"
    for option in command.options:
        for one in option.names:
            if one.startswith("--"):
                yield f"{seen} -l {one.removeprefix('--')}{_value(option)} -d {_quoted(option.help)}"


def _value(option: CompletedOption) -> str:
    match option.takes:
        case "one of":
            return f" -x -a {_quoted(' '.join(option.values))}"
        case "folder":
            return " -x -a '(__fish_complete_directories)'"
        case "file":
            return " -r"
        case "anything":
            return " -x"
        case _:
            return ""


def _quoted(text: str) -> str:
    """`text` in quotes; within them fish knows only these two escapes."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
