"""Makes text from elsewhere harmless for terminals and CI logs; loads nothing else: every error goes through it."""

from __future__ import annotations

import json
import re

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")

# Control characters, line separators, marks that reorder or hide text, lone surrogates, what XML 1.0 forbids.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff"
    "\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)

# GitHub's old commands, and those of Azure and TeamCity, take effect anywhere in a line.
_COMMAND_ANYWHERE = re.compile(r"#(?=#(?:vso|teamcity)?\[)", re.IGNORECASE)

# GitHub's commands and the folds of Travis and GitLab, even after spaces; Buildkite's groups only at the start.
_COMMAND_AT_START = re.compile(
    r"^(?P<before>\s*)(?=::|section_(?:start|end):|travis_(?:fold|time):)|^(?=(?:---|\+\+\+|~~~|\^\^\^) )",
    re.MULTILINE,
)


def plain(text: str) -> str:
    """`text` without terminal control sequences; other unprintable characters become escapes.

    If a CI service obeys a command anywhere in a line, a backslash between its first two characters disables it.
    """
    if text.isascii() and text.isprintable() and "##" not in text:
        return text  # most texts by far, and a report has tens of thousands
    without = _ANSI.sub("", text.replace("\r\n", "\n")).expandtabs(4)
    return _COMMAND_ANYWHERE.sub(r"#\\", _UNPRINTABLE.sub(_escape, without))


def one_line(text: str) -> str:
    """`plain` on one line."""
    return " ".join(plain(text).split())


def harmless(text: str) -> str:
    """`plain` for whole printed lines; none of them begins like a command of a CI service.

    A line that would begin so gets a backslash in front. The lines must be laid out already:
    wrapping could move any word to the start of a line.
    """
    return _COMMAND_AT_START.sub(lambda match: f"{match['before'] or ''}\\", plain(text))


def harmless_json(text: str) -> str:
    """Equivalent JSON text without any character or command that a terminal or CI service obeys."""
    # Both occur only inside strings, where an escape means the character itself.
    return _COMMAND_ANYWHERE.sub(r"\\u0023", _UNPRINTABLE.sub(_json_escape, text))


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code > 0xFFFF:
        return f"\\U{code:08x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _json_escape(match: re.Match[str]) -> str:
    return json.dumps(match.group())[1:-1]
