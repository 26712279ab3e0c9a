"""A message with everything in it, and a memory that is a dict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.core.nights.message import Message, Paragraph

DAY, CASES, GROUP = "2026-03-01", ("sd/a", "sd/b"), "group-1"
NEW = Paragraph("new", "2 cases failing, new since last night: values at unet", CASES, GROUP, DAY)
FAILING = Paragraph("failing", "2 cases failing since 2026-03-01: values at unet", CASES, GROUP, DAY)
MESSAGE = Message(
    "night-key",
    "2026-03-01",
    "Night of 2026-03-01: 2 new",
    (NEW,),
    "1 known",
    (FAILING,),
    "nightly/2026-03-01",
    1,
)
QUIET = Message("quiet-key", "2026-03-02", "Night of 2026-03-02: nothing new", ())

HOSTILE = "<!channel> @all [x](http://evil) *bold* ```\n<script>"


@dataclass
class Memory:
    """The issues that are open."""

    issues: dict[str, str] = field(default_factory=dict)

    def open_issues(self) -> Mapping[str, str]:
        return dict(self.issues)

    def opened(self, group: str, number: str) -> None:
        self.issues[group] = number

    def closed(self, group: str, number: str) -> None:
        assert self.issues.pop(group) == number
