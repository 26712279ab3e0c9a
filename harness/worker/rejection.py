"""The error for a case that this pipeline or machine cannot run as defined."""

from __future__ import annotations


class Rejection(Exception):
    """`key` of the config with `value` cannot be used; `message` says what is accepted and what to do."""

    def __init__(self, key: str, value: object, message: str) -> None:
        self.key = key
        self.value = value
        self.message = message
        super().__init__(f"{key} = {value!r}: {message}")


class Lacking(Rejection):
    """The installed versions lack `name`, which the case asks for; under other versions it may be there.

    `fact` says who lacks it, `step` what to do about it here.
    """

    def __init__(self, key: str, value: object, fact: str, step: str = "", *, name: str) -> None:
        self.name = name
        self.fact = fact
        super().__init__(key, value, "; ".join(filter(None, (fact, step))))


class NotTaken(Rejection):
    """The pipeline's call does not take an argument of the case; after an upgrade, that is a regression."""
