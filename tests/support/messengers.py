"""Servers on this machine that stand in for chats and GitHub: they keep what they get, and fail on request."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Got:
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


@dataclass
class Messenger:
    """What a server does: the first answers are the codes in `fails` (0 closes the connection), the others succeed.

    As GitHub it keeps issues: by number, what was last said of each.
    """

    address: str = ""
    fails: list[int] = field(default_factory=list)
    got: list[Got] = field(default_factory=list)
    issues: dict[int, dict[str, Any]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def answer(self, one: Got) -> object:
        """What GitHub answers; a chat answers ok to everything."""
        place = urlsplit(one.path)
        if "/issues" not in place.path:
            return "ok"
        number = place.path.rpartition("/issues")[2].strip("/")
        if one.method == "GET":
            page = int(parse_qs(place.query)["page"][0])
            listed = [
                {"number": key, **issue} for key, issue in self.issues.items() if issue["state"] == "open"
            ]
            return listed[(page - 1) * 100 : page * 100]
        if one.method == "POST":
            key = len(self.issues) + 1
            self.issues[key] = {"state": "open", **one.body}
            return {"number": key}
        self.issues[int(number)].update(one.body)
        return {"number": int(number)}

    def requests(self, method: str) -> list[Got]:
        """The requests of this kind."""
        return [one for one in self.got if one.method == method]


class _Handler(BaseHTTPRequestHandler):
    messenger: Messenger

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        text = self.rfile.read(length)
        one = Got(self.command, self.path, dict(self.headers), json.loads(text) if text else None)
        self.messenger.got.append(one)
        code = self.messenger.fails.pop(0) if self.messenger.fails else 200
        if code == 0:
            self.close_connection = True
            return
        answer = json.dumps(self.messenger.answer(one) if code == 200 else "no").encode()
        self.send_response(code)
        for name, value in self.messenger.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PATCH = _handle

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@contextmanager
def messenger(*fails: int, **headers: str) -> Iterator[Messenger]:
    """A server that first fails so, and then takes everything."""
    found = Messenger(fails=list(fails), headers=headers)
    handler = type("Handler", (_Handler,), {"messenger": found})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    found.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=lambda: server.serve_forever(0.01), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
