"""Which warnings of libraries say nothing about a run, and how the others are shortened to one line."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass

MOST_CHARACTERS = 300
"""The maximum length of a stored warning."""


@dataclass(frozen=True, slots=True)
class Noise:
    """Warnings that stay in the log, and why."""

    pattern: re.Pattern[str]
    why: str
    library: str = ""


def _noise(pattern: str, why: str, library: str = "") -> Noise:
    return Noise(re.compile(pattern, re.IGNORECASE | re.DOTALL), why, library)


NOISE = (
    _noise(
        r"^(?:Pending)?(?:Deprecation|Future|Import|Resource|Bytes|Syntax|Encoding)Warning: ",
        "is for authors of the code, not for those who run it",
    ),
    _noise(r"\bdeprecated\b|\bwill be (?:removed|deprecated)\b", "is about a later version, not about this run"),
    _noise(r"\bxformers\b.{0,80}\b(?:install|available|faster|version)", "is advice about speed"),
    _noise(r"\bflash[- _]?attention\b.{0,80}\binstall", "is advice about speed"),
    _noise(r"Consider (?:installing|upgrading)\b|for (?:better|faster|improved) (?:performance|speed)",
           "is advice about speed"),
    _noise(r"low_cpu_mem_usage|accelerate.{0,40}(?:not found|install)", "is about how weights are loaded into memory"),
    _noise(r"You have disabled the safety checker", "repeats the config, with legal advice"),
    _noise(r"sequence length is longer than the specified maximum",
           "comes from how diffusers measures a prompt; truncation gets its own warning", "transformers"),
    _noise(r"weights? (?:of the (?:model )?checkpoint|were not (?:used|initialized))|newly initialized|LOAD REPORT",
           "the harness reports missing and unused weights itself, by component"),
    _noise(r"new embeddings will be initialized", "a textual inversion's own vectors replace the drawn ones"),
    _noise(r"use_fast|image processor.{0,40}(?:slow|fast)", "is about a default of a later version"),
    _noise(r"cache-system|symlinks?\b|Xet Storage|hf_xet|hf_transfer|unauthenticated requests|Fetching \d+ files",
           "is about downloads from the hub"),
    _noise(r"", "is about connections and locks; a failure is reported where it happens", "urllib3"),
    _noise(r"", "is about connections and locks; a failure is reported where it happens", "filelock"),
    _noise(r"torch_dtype|`dtype` instead", "is about the name of an argument that the harness passes itself"),
)  # fmt: skip
"""Warnings that are known to say nothing about the numbers of a run; all stay in the worker's log."""

# A deprecation warning that says how it changed a value of this run is about this run.
_ACTED = re.compile(
    r"\b(?:outdated|unsupported|no effect|ignor(?:ed|ing)|truncated|overrid\w+|overwritten|replaced)\b"
    r"|\bYou (?:have )?passed\b|\b(?:setting|defaulting|falling back) \S+ to\b"
    r"|\b(?:has|have|had|will|is|are|was|were|being) (?:been |be )?(?:re)?set\b"
    r"|\b(?:been|be|was|were|is|are|automatically) (?:changed|converted|cast|clipped|rounded|resized|cropped)\b",
    re.IGNORECASE,
)
_MAY_ACT = 2
"""The number of entries at the start of NOISE that are about deprecation."""

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[ -/]*[0-~])")
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}\b")
_TIME = re.compile(r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?")
_TEMPORARY = re.compile(rf"{re.escape(tempfile.gettempdir())}(?:/[^\s'\"`,;:()]+)+")
_PATH = re.compile(r"(?<![\w:/.~-])~?(?:/[^\s/'\"`,;:()<>]+)+/([^\s/'\"`,;:()<>]+)")


def is_noise(library: str, text: str) -> bool:
    """Whether a warning of `library` says nothing about its run."""
    for place, noise in enumerate(NOISE):
        if noise.library not in ("", library) or not noise.pattern.search(text):
            continue
        if place >= _MAY_ACT or not _ACTED.search(text):
            return True
    return False


def in_brief(text: str) -> str:
    """The text on one line, shortened, without the parts that differ between machines or runs."""
    line = " ".join(_ANSI.sub("", text).split())
    line = _TIME.sub("<time>", _ADDRESS.sub("0x…", line))
    line = _PATH.sub(r"…/\1", _TEMPORARY.sub("<temporary>", line))
    return line if len(line) <= MOST_CHARACTERS else f"{line[: MOST_CHARACTERS - 1]}…"
