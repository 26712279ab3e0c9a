"""E-mail by SMTP."""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage

from harness.core.nights.message import Message
from harness.notify.channel import Memory, NotSent
from harness.notify.retry import retried

TIMEOUT = 30.0
_TLS_PORT = 465
_LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Mail:
    """A server that sends mail to these addresses; without a `user` it is not asked to trust us."""

    to: tuple[str, ...]
    host: str
    port: int
    sender: str
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    stateful = False

    @property
    def name(self) -> str:
        """The addresses."""
        return f"mail:{','.join(self.to)}"

    def send(self, message: Message, memory: Memory) -> None:  # noqa: ARG002 - Channel has it
        """Send one mail; its Message-ID is the same if it is sent again. Raises NotSent."""
        mail = letter(message, self.sender, self.to)
        retried(lambda: self._once(mail))

    def _once(self, mail: EmailMessage) -> None:
        try:
            with self._connected() as server:
                if self.user:
                    server.login(self.user, self.password)
                server.send_message(mail)
        except smtplib.SMTPResponseException as error:
            later = 400 <= error.smtp_code < 500
            raise NotSent(f"{self.name}: the server answered {error.smtp_code}", again=later) from error
        except smtplib.SMTPRecipientsRefused as error:
            raise NotSent(f"{self.name}: the server refuses {', '.join(error.recipients)}") from error
        except (smtplib.SMTPException, OSError) as error:
            raise NotSent(
                f"{self.name}: no answer from the server ({type(error).__name__})", again=True
            ) from error

    def _connected(self) -> smtplib.SMTP:
        safe = ssl.create_default_context()
        if self.port == _TLS_PORT:
            return smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT, context=safe)
        server = smtplib.SMTP(self.host, self.port, timeout=TIMEOUT)
        try:
            server.ehlo_or_helo_if_needed()
            if server.has_extn("starttls"):
                server.starttls(context=safe)
            elif self.user and self.host not in _LOCAL:
                raise NotSent(f"{self.name}: the server offers no TLS, so the password is not sent")
        except BaseException:
            server.close()
            raise
        return server


def letter(message: Message, sender: str, to: Sequence[str]) -> EmailMessage:
    """The message as a mail of plain text."""
    mail = EmailMessage()
    mail["Subject"] = message.title
    mail["From"] = sender
    mail["To"] = ", ".join(to)
    identity = hashlib.sha256(f"{message.key} {','.join(to)}".encode()).hexdigest()[:32]
    mail["Message-ID"] = f"<{identity}@diffusers-goldens>"
    mail.set_content("\n\n".join(_parts(message)) + "\n")
    return mail


def _parts(message: Message) -> list[str]:
    told = ["\n".join([one.sentence, *(f"  {case}" for case in one.cases)]) for one in message.news]
    told += [f"Going on: {message.goes_on}"] if message.goes_on else []
    told += [f"Report: {message.place}"] if message.place else []
    return told or [message.title]
