"""What `show` drew of a case, frozen for the reports."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PicturedOutput:
    """One output: its kind and what there is to know about it, and the paths of the files that show it.

    `compared` is the path of the one picture that shows golden, run and difference side by side, None if there is no
    picture of it.
    """

    output: str
    kind: str
    about: str
    notes: tuple[str, ...]
    files: tuple[str, ...]
    compared: str | None = None


@dataclass(frozen=True, slots=True)
class PicturedCase:
    """The outputs of one case in its golden and its last run; each is a path, None where there is none.

    `problems` say what could not be drawn, and why.
    """

    case: str
    golden: str | None
    capture: str | None
    outputs: tuple[PicturedOutput, ...] = ()
    problems: tuple[str, ...] = ()
