"""The completion script for bash, which needs nothing but bash 3.2."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from harness.report.completion.words import CompletedCommand

_SCRIPT = """\
# Completion of harness in bash. In ~/.bashrc: eval "$(harness completion bash)"
_harness() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} option=${{COMP_WORDS[COMP_CWORD-1]}} command= word words=
    # bash makes three words of --option=value.
    [[ $current == = ]] && current=
    [[ $option == = ]] && option=${{COMP_WORDS[COMP_CWORD-2]}}
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        [[ $word == -* ]] || {{ command=$word; break; }}
    done
    case $command,$option in
{values}
    *)  case $command,$current in
        ,*) words={commands} ;;
{options}
{arguments}
        esac ;;
    esac
    # Without words, readline completes paths.
    COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o bashdefault -o default -F _harness harness
"""


def script(commands: Sequence[CompletedCommand]) -> str:
    """The script; a word that may be a path is left to readline."""
    return _SCRIPT.format(
        commands=_words([*(command.name for command in commands), "--help", "--version"]),
        values="\n".join(f"    {line}" for command in commands for line in _values(command)),
        options="\n".join(
            f"        {command.name},-*) words={_words(_names(command))} ;;" for command in commands
        ),
        arguments="\n".join(
            f"        {command.name},*) words={_words(command.values)} ;;"
            for command in commands
            if command.values
        ),
    )


def _values(command: CompletedCommand) -> Iterator[str]:
    """The cases of the options that take a value, those with the same values in one."""
    alike = dict[tuple[str, ...], list[str]]()
    for option in command.options:
        if option.takes != "nothing":
            alike.setdefault(option.values, []).extend(f"{command.name},{name}" for name in option.names)
    for values, options in alike.items():
        yield f"{'|'.join(options)}) words={_words(values)} ;;"


def _names(command: CompletedCommand) -> list[str]:
    return [name for option in command.options for name in option.names if name.startswith("--")]


def _words(words: Sequence[str]) -> str:
    return shlex.quote(" ".join(words))
