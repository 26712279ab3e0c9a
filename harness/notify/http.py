"""Sends JSON over HTTP; what goes wrong is told without the address, which may hold a secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import requests

from harness.notify.channel import NotSent
from harness.notify.retry import retried

TIMEOUT = 20.0
_BUSY = (408, 425, 429, 500, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class Server:
    """A server: its name in messages, its address, and the headers that it wants."""

    name: str
    address: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def request(self, method: str, path: str, body: object = None) -> object:
        """The JSON that the server answers, None for other answers; tries again where that may help. Raises NotSent."""
        return retried(lambda: self._once(method, path, body))

    def _once(self, method: str, path: str, body: object) -> object:
        try:
            # A redirection would carry the token to somebody else.
            answer = requests.request(
                method,
                self.address + path,
                json=body,
                headers=dict(self.headers),
                timeout=TIMEOUT,
                allow_redirects=False,
            )
        except requests.Timeout as error:
            raise NotSent(f"{self.name}: no answer within {TIMEOUT:.0f} s", again=True) from error
        except requests.ConnectionError as error:
            raise NotSent(f"{self.name}: cannot be reached", again=True) from error
        except (requests.RequestException, ValueError) as error:
            raise NotSent(f"{self.name}: the address cannot be used ({type(error).__name__})") from error
        return self._answered(answer)

    def _answered(self, answer: requests.Response) -> object:
        code = answer.status_code
        if code in _BUSY:
            raise NotSent(f"{self.name}: answered {code}", again=True, wait=_wait(answer))
        if not 200 <= code < 300:
            raise NotSent(f"{self.name}: answered {code}; check its address, token and permissions")
        try:
            return answer.json()
        except ValueError:
            return None


def _wait(answer: requests.Response) -> float:
    stated = answer.headers.get("Retry-After", "")
    return float(stated) if stated.isdecimal() else 0.0
