"""What every channel is, and what it may remember between nights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from harness.core.nights.message import Message


class NotSent(Exception):
    """The messenger did not take the message, for this reason; `again` says whether trying again may help.

    `wait` is how long it asked to wait, in seconds.
    """

    def __init__(self, reason: str, *, again: bool = False, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.again = again
        self.wait = wait


class Memory(Protocol):
    """What a channel remembers: the issue that it opened for each cause."""

    def open_issues(self) -> Mapping[str, str]:
        """The numbers of the issues that are open, by the cause's fingerprint."""

    def opened(self, group: str, number: str) -> None:
        """Remember that the cause has this issue."""

    def closed(self, group: str, number: str) -> None:
        """Remember that the issue was closed."""


class Channel(Protocol):
    """One way to tell somebody."""

    @property
    def name(self) -> str:
        """What it is called in messages and in the history; without any secret."""

    @property
    def stateful(self) -> bool:
        """Whether it shows the state of a night, so that quiet nights count too, and only the last one."""

    def send(self, message: Message, memory: Memory) -> None:
        """Tell the message; raises NotSent. Sending it again changes nothing that a reader would see twice."""
