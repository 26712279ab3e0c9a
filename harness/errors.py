"""The errors that end a command, each with an exit code; messages name the offending thing and the next step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class HarnessError(Exception):
    """The harness could not reach a verdict; exit code 3."""

    exit_code = 3


class UsageError(HarnessError):
    """The command line asks for something that does not exist; exit code 2."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in one config file.

    `key` is the dotted path inside the file ("" for the file as a whole), `value` the bad value as the
    user wrote it (None if there is none to show), `message` what is wrong and what is accepted.
    """

    file: str
    key: str
    value: str | None
    message: str

    def __str__(self) -> str:
        place = f"{self.file}: {self.key}" if self.key else self.file
        shown = f" = {self.value}" if self.value is not None else ""
        return f"{place}{shown}: {self.message}"


class ConfigError(HarnessError):
    """Unusable configs: every problem of every file at once; exit code 2."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        head = f"{count} problem{'s' if count != 1 else ''} in the configs; fix the files and run the command again:"
        super().__init__("\n".join([head, *(f"  {problem}" for problem in self.problems)]))


class UnreadableGolden(HarnessError):
    """A damaged golden or capture, or a file that is neither; the case's verdict is `error`.

    `what` starts with the file's `path` and says what is wrong with it, `remedy` what to do about it.
    """

    def __init__(self, path: Path, fault: str, remedy: str = "") -> None:
        self.path = path
        self.what = f"{path}: {fault}"
        self.remedy = remedy
        super().__init__(f"{self.what}; {remedy}" if remedy else self.what)


class NotAGolden(UnreadableGolden):
    """A readable file in a golden's place that must not judge that case."""


class StoreError(HarnessError):
    """The golden store cannot be written or read (permissions, full disk)."""


class NotRecorded(HarnessError):
    """The recorder failed to record what a pipeline did; the pipeline is not at fault."""


class Terminated(KeyboardInterrupt):
    """A signal other than Ctrl-C ended the process, with the same cleanup as Ctrl-C; exit code 128 + `number`."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number
