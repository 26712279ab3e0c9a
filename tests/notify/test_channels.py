from __future__ import annotations

from collections.abc import Mapping

import pytest

from harness.errors import UsageError
from harness.notify.channel import Channel
from harness.notify.channels import Labelled, channel_of
from harness.notify.github import Issues
from harness.notify.mail import Mail
from harness.notify.own_command import OwnCommand
from harness.notify.webhook import Webhook

SECRET = "s3cr3t"
ENVIRONMENT = {
    "HARNESS_WEBHOOK": f"https://hooks.example.org/{SECRET}",
    "MINE": f"https://mine.example.org/{SECRET}",
    "ODD": SECRET,
    "GITHUB_TOKEN": SECRET,
    "GITHUB_API_URL": "https://github.example.org/api/v3/",
    "HARNESS_SMTP": "smtp.example.org:25",
    "HARNESS_SMTP_USER": "nights@example.org",
    "HARNESS_SMTP_PASSWORD": SECRET,
}


def made(word: str, environment: Mapping[str, str] = ENVIRONMENT) -> Channel:
    return channel_of(word, environment, Labelled("golden-regression", "ada"))


def test_every_kind_of_channel() -> None:
    hook, teams, github = made("webhook"), made("teams:MINE"), made("github:o/r")
    assert isinstance(hook, Webhook)
    assert (hook.name, hook.server.address, hook.teams) == ("webhook", ENVIRONMENT["HARNESS_WEBHOOK"], False)
    assert isinstance(teams, Webhook)
    assert (teams.name, teams.server.address, teams.teams) == ("teams:MINE", ENVIRONMENT["MINE"], True)
    assert isinstance(github, Issues)
    assert (github.name, github.label, github.assignee) == ("github:o/r", "golden-regression", "ada")
    assert github.server.address == "https://github.example.org/api/v3"
    assert github.server.headers["Authorization"] == f"Bearer {SECRET}"
    assert made("mail:a@b.org,c@d.org") == Mail(
        ("a@b.org", "c@d.org"), "smtp.example.org", 25, "nights@example.org", "nights@example.org", SECRET
    )
    assert made("mail:a@b.org", {**ENVIRONMENT, "HARNESS_SMTP_FROM": "robot@example.org"}) == Mail(
        ("a@b.org",), "smtp.example.org", 25, "robot@example.org", "nights@example.org", SECRET
    )
    assert made("command:notify 'two words'") == OwnCommand(("notify", "two words"))


@pytest.mark.parametrize("word", ["webhook", "teams", "github:o/r", "mail:a@b.org", "command:notify"])
def test_only_issues_show_the_state_of_a_night(word: str) -> None:
    assert made(word).stateful is word.startswith("github")


def test_a_token_of_our_own_goes_before_that_of_the_workflow() -> None:
    github = made("github:o/r", {**ENVIRONMENT, "HARNESS_GITHUB_TOKEN": "own"})
    assert isinstance(github, Issues)
    assert github.server.headers["Authorization"] == "Bearer own"


def test_github_and_mail_without_further_variables() -> None:
    github = made("github:o/r", {"GITHUB_TOKEN": "t"})
    assert isinstance(github, Issues)
    assert github.server.address == "https://api.github.com"
    assert made("mail:a@b.org", {"HARNESS_SMTP": "localhost"}) == Mail(
        ("a@b.org",), "localhost", 587, "a@b.org"
    )


@pytest.mark.parametrize(
    ("word", "told"),
    [
        (
            "pigeon",
            "--notify pigeon: is no way to tell somebody; accepted: webhook[:VARIABLE], teams[:VARIABLE], ",
        ),
        ("webhook:", "--notify webhook:: is no way to tell somebody"),
        (
            "webhook:https://hooks/" + SECRET,
            "--notify webhook: takes no address, which would show in logs; put it",
        ),
        ("webhook:GONE", "--notify webhook:GONE: needs the address of the webhook; set the variable GONE"),
        ("teams:ODD", "ODD: does not hold an address that begins with https://; set it to the webhook's"),
        ("github:r", "--notify github:r: names no repository; write github:OWNER/REPOSITORY"),
        ("mail:a", "--notify mail:a: 'a' is no address; write mail:ADDRESS[,ADDRESS]"),
        ("command: ", "--notify command: : names no program; write command:PROGRAM"),
        ("command:a 'b", "--notify command:a 'b: cannot be split into words (No closing quotation); close"),
    ],
)
def test_what_is_no_channel_is_refused_without_a_secret(word: str, told: str) -> None:
    with pytest.raises(UsageError) as refused:
        made(word)
    assert str(refused.value).startswith(told)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("github:o/r", "--notify github:o/r: needs a token that may write issues; set HARNESS_GITHUB_TOKEN"),
        (
            "mail:a@b.org",
            "--notify mail:a@b.org: needs the server as HOST:PORT; set the variable HARNESS_SMTP",
        ),
    ],
)
def test_what_the_environment_lacks_is_named(word: str, told: str) -> None:
    with pytest.raises(UsageError) as refused:
        made(word, {})
    assert str(refused.value) == told


def test_a_server_of_mail_that_is_none() -> None:
    with pytest.raises(UsageError, match=r"^HARNESS_SMTP: 'a b' is no server; write HOST or HOST:PORT$"):
        made("mail:a@b.org", {"HARNESS_SMTP": "a b"})
