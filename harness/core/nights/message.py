"""What somebody is told of a night: plain text, which each messenger escapes for its medium."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One piece of news: its kind, a sentence, and the ids of its cases.

    `group` is the fingerprint that failures of one cause share, "" if it is about something else. `since` is a day.
    """

    kind: str
    sentence: str
    cases: tuple[str, ...]
    group: str = ""
    since: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """The news of one night, grouped by cause.

    `key` is that of the night: messages with the same key are the same message. `news` is what is new, `goes_on` says
    in one sentence what is not ("" for nothing), and `failures` are all causes that fail tonight and are not rejected.
    `place` is where the night's report is.
    """

    key: str
    day: str
    title: str
    news: tuple[Paragraph, ...]
    goes_on: str = ""
    failures: tuple[Paragraph, ...] = ()
    place: str = ""
    code: int | None = None

    @property
    def quiet(self) -> bool:
        """Whether there is nothing new."""
        return not self.news
