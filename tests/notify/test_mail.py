from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes
from email.message import Message as Mail_
from email.policy import default
from typing import Any, ClassVar

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

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, to: str, _options: Any) -> str:
        if to.startswith("gone"):
            return "550 nobody"
        envelope.rcpt_tos.append(to)
        return "250 ok"


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


def test_addresses_that_the_server_refuses_are_named(port: int, pauses: list[float]) -> None:
    with pytest.raises(NotSent, match=r"^mail:gone@b.org: the server refuses gone@b.org$"):
        mail(port, "gone@b.org").send(MESSAGE, Memory())
    assert pauses == []


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


class Server:
    """A server far away that offers TLS or does not; it keeps what it was asked to do."""

    asked: ClassVar[list[str]] = []
    offers_tls = True

    def __init__(self, host: str, port: int, timeout: float, context: ssl.SSLContext | None = None) -> None:
        self.asked.append(f"{host}:{port}{' TLS' if context else ''}")

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_why: object) -> None:
        self.close()

    def ehlo_or_helo_if_needed(self) -> None:
        self.asked.append("hello")

    def has_extn(self, name: str) -> bool:
        assert name == "starttls"
        return self.offers_tls and "hello" in self.asked

    def starttls(self, context: ssl.SSLContext) -> None:
        assert context.verify_mode is ssl.CERT_REQUIRED
        self.asked.append("starttls")

    def login(self, user: str, password: str) -> None:
        self.asked.append(f"login {user} {password}")

    def send_message(self, mail: Mail_) -> None:
        self.asked.append("send")

    def close(self) -> None:
        self.asked.append("close")


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> type[Server]:
    monkeypatch.setattr(Server, "asked", [])
    monkeypatch.setattr(smtplib, "SMTP", Server)
    monkeypatch.setattr(smtplib, "SMTP_SSL", Server)
    return Server


def sent(host: str, port: int, user: str = "") -> None:
    Mail(("a@b.org",), host, port, "n@b.org", user, "s3cr3t" if user else "").send(MESSAGE, Memory())


def test_a_server_that_offers_tls_gets_nothing_before_it(far: type[Server]) -> None:
    sent("smtp.b.org", 587, "nights")
    assert far.asked == ["smtp.b.org:587", "hello", "starttls", "login nights s3cr3t", "send", "close"]


def test_no_password_goes_over_a_line_that_anybody_may_read(
    far: type[Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(far, "offers_tls", False)
    with pytest.raises(NotSent, match="the server offers no TLS, so the password is not sent"):
        sent("smtp.b.org", 587, "nights")
    assert far.asked == ["smtp.b.org:587", "hello", "close"]


@pytest.mark.parametrize(("host", "user"), [("smtp.b.org", ""), ("localhost", "nights")])
def test_without_tls_only_what_holds_no_secret_or_stays_here_is_sent(
    far: type[Server], monkeypatch: pytest.MonkeyPatch, host: str, user: str
) -> None:
    monkeypatch.setattr(far, "offers_tls", False)
    sent(host, 25, user)
    login = [f"login {user} s3cr3t"] if user else []
    assert far.asked == [f"{host}:25", "hello", *login, "send", "close"]


def test_the_port_of_smtps_begins_with_tls(far: type[Server]) -> None:
    sent("smtp.b.org", 465, "nights")
    assert far.asked == ["smtp.b.org:465 TLS", "login nights s3cr3t", "send", "close"]
