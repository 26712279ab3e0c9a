"""From the words of --notify, and the variables that hold what nobody may read, to channels."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.errors import UsageError
from harness.notify.channel import Channel
from harness.notify.github import Issues
from harness.notify.http import Server
from harness.notify.mail import Mail
from harness.notify.own_command import OwnCommand
from harness.notify.webhook import Webhook

FORMS = (
    "webhook[:VARIABLE], teams[:VARIABLE], github:OWNER/REPOSITORY, mail:ADDRESS[,ADDRESS] or command:PROGRAM"
)

_WEBHOOK = "HARNESS_WEBHOOK"
_TOKENS = ("HARNESS_GITHUB_TOKEN", "GITHUB_TOKEN")
_GITHUB = "https://api.github.com"
_SMTP = "HARNESS_SMTP"

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
_ADDRESS = re.compile(r"[^\s@,<>]+@[^\s@,<>]+")
_HOST = re.compile(r"(?P<host>[^\s:/]+|\[[0-9a-fA-F:]+\])(?::(?P<port>\d{1,5}))?")


@dataclass(frozen=True, slots=True)
class Labelled:
    """What the project's settings say of issues."""

    label: str
    assignee: str = ""


def channel_of(word: str, environment: Mapping[str, str], issues: Labelled) -> Channel:
    """The channel that `word` asks for; raises UsageError, which names no secret."""
    kind, colon, rest = word.partition(":")
    make = _KINDS.get(kind)
    if make is None or (colon and not rest):
        raise UsageError(f"--notify {word}: is no way to tell somebody; accepted: {FORMS}")
    return make(word, rest, environment, issues)


_Make = Callable[[str, str, Mapping[str, str], Labelled], Channel]


def _webhook(word: str, rest: str, environment: Mapping[str, str], _issues: Labelled) -> Channel:
    variable = rest or _WEBHOOK
    if "/" in variable:
        # The word itself is not repeated: the address is the secret.
        step = f"put it into a variable such as {_WEBHOOK} and name that"
        raise UsageError(
            f"--notify {word.partition(':')[0]}: takes no address, which would show in logs; {step}"
        )
    address = _needed(word, variable, environment, "the address of the webhook")
    if not address.startswith(("https://", "http://")):
        raise UsageError(
            f"{variable}: does not hold an address that begins with https://; set it to the webhook's"
        )
    return Webhook(word, Server(word, address), teams=word.startswith("teams"))


def _github(word: str, rest: str, environment: Mapping[str, str], issues: Labelled) -> Channel:
    if not _REPOSITORY.fullmatch(rest):
        raise UsageError(f"--notify {word}: names no repository; write github:OWNER/REPOSITORY")
    token = next((environment[name] for name in _TOKENS if environment.get(name)), "")
    if not token:
        raise UsageError(f"--notify {word}: needs a token that may write issues; set {_TOKENS[0]}")
    headers = {
        "Authorization": f"Bearer {token}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    address = environment.get("GITHUB_API_URL") or _GITHUB
    return Issues(rest, Server(word, address.rstrip("/"), headers), issues.label, issues.assignee)


def _mail(word: str, rest: str, environment: Mapping[str, str], _issues: Labelled) -> Channel:
    addresses = tuple(rest.split(","))
    if bad := [one for one in addresses if not _ADDRESS.fullmatch(one)]:
        raise UsageError(f"--notify {word}: {bad[0]!r} is no address; write mail:ADDRESS[,ADDRESS]")
    stated = _needed(word, _SMTP, environment, "the server as HOST:PORT")
    found = _HOST.fullmatch(stated)
    if not found:
        raise UsageError(f"{_SMTP}: {stated!r} is no server; write HOST or HOST:PORT")
    port = int(found["port"] or 587)
    user, password = environment.get(f"{_SMTP}_USER", ""), environment.get(f"{_SMTP}_PASSWORD", "")
    sender = environment.get(f"{_SMTP}_FROM") or (user if "@" in user else addresses[0])
    return Mail(addresses, found["host"].strip("[]"), port, sender, user, password)


def _command(word: str, rest: str, _environment: Mapping[str, str], _issues: Labelled) -> Channel:
    try:
        words = tuple(shlex.split(rest))
    except ValueError as error:
        raise UsageError(
            f"--notify {word}: cannot be split into words ({error}); close the quotes"
        ) from error
    if not words:
        raise UsageError(f"--notify {word}: names no program; write command:PROGRAM")
    return OwnCommand(words)


def _needed(word: str, variable: str, environment: Mapping[str, str], what: str) -> str:
    if value := environment.get(variable, ""):
        return value
    raise UsageError(f"--notify {word}: needs {what}; set the variable {variable}")


_KINDS: Mapping[str, _Make] = {
    "webhook": _webhook,
    "teams": _webhook,
    "github": _github,
    "mail": _mail,
    "command": _command,
}
