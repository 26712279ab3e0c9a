from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes
from email.message import Message as Mail_
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from harness.notify.channel import NotSent
from harness.notify.mail import Mail, letter
from tests.notify.samples import MESSAGE, QUIET, Memory


class Letters:
    """A server's answers: the first ones are `fails`, then everything is taken."""

    def __init__(self) -> None:
        self.fails: list[str] = []
        self.got: list[Mail_] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        if self.fails:
            return self.fails.pop(0)
        self.got.append(message_from_bytes(envelope.content, policy=default))
        return "250 taken"


@pytest.fixture
def letters() -> Letters:
    return Letters()


@pytest.fixture
def port(letters: Letters) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = free.getsockname()[1]
    controller = Controller(letters, hostname="127.0.0.1", port=number)
    controller.start()
    yield number
    controller.stop()


def mail(port: int, *to: str, **how: str) -> Mail:
    return Mail(to or ("team@example.org",), "127.0.0.1", port, "nights@example.org", **how)


def test_a_mail_says_what_is_new(port: int, letters: Letters) -> None:
    mail(port, "a@example.org", "b@example.org").send(MESSAGE, Memory())
    (got,) = letters.got
    assert (got["Subject"], got["To"]) == ("Night of 2026-03-01: 2 new", "a@example.org, b@example.org")
    assert got.get_content().replace("\r\n", "\n") == (  # type: ignore[attr-defined]
        "2 cases failing, new since last night: values at unet\n  sd/a\n  sd/b\n\n"
        "Going on: 1 known\n\nReport: nightly/2026-03-01\n"
    )


def test_the_same_night_has_the_same_identity() -> None:
    first, again = (letter(MESSAGE, "a@b", ["c@d"])["Message-ID"] for _ in range(2))
    assert first == again
    assert letter(QUIET, "a@b", ["c@d"])["Message-ID"] != first
    assert letter(QUIET, "a@b", ["c@d"]).get_content() == "Night of 2026-03-02: nothing new\n"


def test_a_title_cannot_add_headers() -> None:
    with pytest.raises(ValueError, match=r"linefeed"):
        letter(replace(MESSAGE, title="a\nBcc: everybody@example.org"), "a@b", ["c@d"])


def test_a_server_that_is_busy_is_asked_again(port: int, letters: Letters, pauses: list[float]) -> None:
    letters.fails = ["451 busy", "452 full"]
    mail(port).send(MESSAGE, Memory())
    assert (len(letters.got), pauses) == (1, [2.0, 4.0])


def test_a_refusal_is_final(port: int, letters: Letters, pauses: list[float]) -> None:
    letters.fails = ["554 no"]
    with pytest.raises(NotSent, match=r"^mail:team@example.org: the server answered 554$"):
        mail(port).send(MESSAGE, Memory())
    assert (letters.got, pauses) == ([], [])


def test_a_password_that_the_server_does_not_take_is_not_told(port: int, pauses: list[float]) -> None:
    with pytest.raises(NotSent) as raised:
        mail(port, user="nights", password="s3cr3t").send(MESSAGE, Memory())
    assert "s3cr3t" not in f"{raised.value}{mail(port, user='nights', password='s3cr3t')!r}"


def test_a_server_that_is_not_there(pauses: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(NotSent, match=r"no answer from the server \(ConnectionRefusedError\)"):
        mail(port).send(MESSAGE, Memory())
    assert len(pauses) == 3
