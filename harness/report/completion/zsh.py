"""The completion script for zsh, as a function that `compdef` ties to the command."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from harness.report.completion.words import CompletedCommand, CompletedOption

_SCRIPT = """\
#compdef harness
# Completion of harness in zsh. In ~/.zshrc, after compinit: eval "$(harness completion zsh)"
_harness() {{
    local line state
    _arguments -C '--help[show this help]' '--version[show the version]' '1:command:->command' '*::argument:->argument'
    case $state in
    command)
        local -a commands=(
{commands}
        )
        _describe -t commands command commands ;;
    argument)
        case $line[1] in
{arguments}
        esac ;;
    esac
}}
compdef _harness harness
"""


def script(commands: Sequence[CompletedCommand]) -> str:
    """The script; descriptions are the help of the options."""
    return _SCRIPT.format(
        commands="\n".join(f"            {_described(command)}" for command in commands),
        arguments="\n".join(f"        {_branch(command)}" for command in commands),
    )


def _described(command: CompletedCommand) -> str:
    return shlex.quote(f"{command.name}:{command.summary}")


def _branch(command: CompletedCommand) -> str:
    values = f":argument:({' '.join(command.values)})" if command.values else ":argument:_files"
    specs = [spec for option in command.options for spec in _specs(option)]
    return f"{command.name}) _arguments {' '.join(map(shlex.quote, [*specs, f'*{values}']))} ;;"


def _specs(option: CompletedOption) -> Iterator[str]:
    for name in option.names:
        if not name.startswith("--"):
            continue
        described = f"[{_plain(option.help)}]"
        yield f"*{name}{described}" if option.takes == "nothing" else f"*{name}={described}:{_value(option)}"


def _value(option: CompletedOption) -> str:
    name = option.names[0].lstrip("-")
    if option.takes == "one of":
        return f"{name}:({' '.join(option.values)})"
    return f"{name}:{ {'folder': '_files -/', 'file': '_files'}.get(option.takes, ' ') }"


def _plain(text: str) -> str:
    """`text` without what means something in a specification of `_arguments`."""
    return text.replace("\\", "\\\\").replace("[", r"\[").replace("]", r"\]").replace(":", r"\:")
