from __future__ import annotations

import socket

import pytest

from harness.notify import http
from harness.notify.channel import NotSent
from harness.notify.http import Server
from tests.support.messengers import messenger

SECRET = "s3cr3t"


def test_a_busy_server_is_asked_again(pauses: list[float]) -> None:
    with messenger(503, 0, 429) as there:
        server = Server("webhook", f"{there.address}/{SECRET}")
        assert server.request("POST", "", {"a": 1}) == "ok"
    assert [one.body for one in there.got] == [{"a": 1}] * 4
    assert pauses == [2.0, 4.0, 8.0]


def test_a_server_may_say_how_long_to_wait(pauses: list[float]) -> None:
    with messenger(429, **{"Retry-After": "11"}) as there:
        Server("webhook", there.address).request("POST", "")
    assert pauses == [11.0]


@pytest.mark.parametrize("code", [301, 400, 401, 403, 404, 422])
def test_a_refusal_is_final_and_names_no_address(code: int, pauses: list[float]) -> None:
    with messenger(code) as there, pytest.raises(NotSent) as raised:
        Server("webhook", f"{there.address}/{SECRET}", {"Authorization": SECRET}).request("POST", "")
    assert len(there.got) == 1
    assert str(raised.value) == f"webhook: answered {code}; check its address, token and permissions"


def test_a_redirection_carries_no_token_to_another_server(pauses: list[float]) -> None:
    with messenger() as other, messenger(302, Location=other.address) as there:
        with pytest.raises(NotSent, match="answered 302"):
            Server("webhook", there.address, {"Authorization": SECRET}).request("GET", "/")
        assert other.got == []


def test_a_server_that_never_answers_is_given_up(
    pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/{SECRET}"
        with pytest.raises(NotSent, match=r"^webhook: no answer within 0 s$"):
            Server("webhook", address).request("POST", "")
    assert len(pauses) == 3


def test_a_server_that_is_not_there(pauses: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(NotSent, match=r"^webhook: cannot be reached$") as raised:
        Server("webhook", f"http://127.0.0.1:{port}/{SECRET}").request("POST", "")
    assert raised.value.again


def test_an_address_that_is_none(pauses: list[float]) -> None:
    with pytest.raises(NotSent, match=r"^webhook: the address cannot be used \(InvalidURL\)$"):
        Server("webhook", f"http:///{SECRET}").request("POST", "")


def test_secrets_are_not_in_what_a_server_prints() -> None:
    assert SECRET not in repr(Server("webhook", SECRET, {"Authorization": SECRET}))
