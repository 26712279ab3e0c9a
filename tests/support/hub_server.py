"""A model hub on loopback that answers what huggingface_hub asks, with faults on demand."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

Files = Mapping[str, bytes]
"""The files of a commit by name, with forward slashes."""

_LARGE = (".bin", ".ckpt", ".safetensors")
_API = re.compile(
    r"^/api/models/(?P<repo>[^/]+(?:/[^/]+)?)(?:/(?P<what>revision|tree)/(?P<revision>[^/]+))?$"
)
_FILE = re.compile(r"^/(?P<repo>[^/]+(?:/[^/]+)?)/resolve/(?P<revision>[^/]+)/(?P<path>.+)$")
_STORE = re.compile(r"^/store/(?P<repo>.+)/(?P<sha256>[0-9a-f]{64})/(?P<path>.+)$")


def files_of(folder: Path) -> dict[str, bytes]:
    """The files of a folder, as `Repository.commit` takes them."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@dataclass
class Faults:
    """What goes wrong with one repository; all off at first.

    `status` answers everything with that HTTP status; `gated_for` serves only those who send this token;
    `absent` are files that are listed but not there; `cut` are files whose connection drops half-way, that
    often (a resumed download is cut at once); `seconds` delays every answer.
    """

    status: int | None = None
    gated_for: str | None = None
    absent: set[str] = field(default_factory=set)
    cut: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass
class Repository:
    """One repository: its commits by sha, its branches and tags, and what goes wrong with it."""

    name: str
    commits: dict[str, Files] = field(default_factory=dict)
    revisions: dict[str, str] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)

    def commit(self, files: Files, *revisions: str) -> str:
        """Add a commit, to which `revisions` (main if none is named) point from now on; returns its sha."""
        sha = hashlib.sha1(f"{self.name} {len(self.commits)}".encode()).hexdigest()
        self.commits[sha] = dict(files)
        self.revisions.update(dict.fromkeys(revisions or ("main",), sha))
        return sha

    def resolve(self, revision: str) -> str | None:
        """The commit that a branch, tag or sha stands for."""
        return revision if revision in self.commits else self.revisions.get(revision)


@dataclass(frozen=True)
class Asked:
    """One request that came in: `sent` is the Range header of a GET, if any."""

    method: str
    path: str
    sent: str | None = None


class HubServer:
    """The server; `url` is what HF_ENDPOINT must be.

    `asked` are the requests so far; `before_answer` is called with each before it is answered.
    """

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.asked: list[Asked] = []
        self.before_answer: Callable[[Asked], None] = lambda asked: None
        self._connections: set[socket.socket] = set()
        self._server: ThreadingHTTPServer | None = None
        self._start(0)

    @property
    def url(self) -> str:
        """The endpoint, without a slash at its end."""
        return f"http://127.0.0.1:{self._port}"

    def repository(self, name: str, files: Files | None = None) -> Repository:
        """The repository of that name, made when it is new, with `files` as its first commit."""
        found = self.repositories.setdefault(name, Repository(name))
        if files is not None:
            found.commit(files)
        return found

    @contextmanager
    def down(self) -> Iterator[None]:
        """While open, nobody listens and open connections are gone: a machine without a network."""
        self.stop()
        try:
            yield
        finally:
            self._start(self._port)

    def stop(self) -> None:
        """Close the listening socket and every connection."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _start(self, port: int) -> None:
        hub = self

        class Handler(_Handler):
            pass

        Handler.hub = hub
        self._server = _Server(("127.0.0.1", port), Handler)
        self._port = self._server.server_address[1]
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    hub: HubServer

    def setup(self) -> None:
        super().setup()
        self.hub._connections.add(self.connection)

    def finish(self) -> None:
        self.hub._connections.discard(self.connection)
        super().finish()

    def log_message(self, format: str, *args: object) -> None:
        """Tests read `HubServer.asked` instead."""

    def do_HEAD(self) -> None:
        self._route()

    def do_GET(self) -> None:
        self._route()

    def _route(self) -> None:
        path = urlsplit(self.path).path
        asked = Asked(self.command, path, self.headers.get("Range"))
        self.hub.asked.append(asked)
        self.hub.before_answer(asked)
        if found := _STORE.match(path):
            self._store(unquote(found["repo"]), found["sha256"], unquote(found["path"]))
        elif found := _API.match(path):
            self._api(found["repo"], found["what"], unquote(found["revision"] or "main"))
        elif found := _FILE.match(path):
            self._resolve(found["repo"], unquote(found["revision"]), unquote(found["path"]))
        else:
            self._refuse(404, None, "Not Found")

    def _repository(self, name: str) -> Repository | None:
        """The repository if it may be shown; answers the request otherwise."""
        repository = self.hub.repositories.get(name)
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if repository is None:
            self._refuse(404 if token else 401, "RepoNotFound", "Repository not found")
            return None
        time.sleep(repository.faults.seconds)
        if repository.faults.status is not None:
            self._refuse(repository.faults.status, None, "Something went wrong")
            return None
        if repository.faults.gated_for is not None and repository.faults.gated_for != token:
            self._refuse(403 if token else 401, "GatedRepo", f"Access to model {name} is restricted.")
            return None
        return repository

    def _commit(self, repository: Repository, revision: str) -> str | None:
        commit = repository.resolve(revision)
        if commit is None:
            self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return commit

    def _api(self, name: str, what: str | None, revision: str) -> None:
        repository = self._repository(name)
        commit = self._commit(repository, revision) if repository else None
        if repository is None or commit is None:
            return
        if what == "tree":
            self._json(_tree(repository.commits[commit]))
            return
        blobs = "blobs" in parse_qs(urlsplit(self.path).query)
        self._json(_info(repository, commit, blobs))

    def _resolve(self, name: str, revision: str, path: str) -> None:
        repository = self._repository(name)
        commit = self._commit(repository, revision) if repository else None
        if repository is None or commit is None:
            return
        content = repository.commits[commit].get(path)
        if content is None or path in repository.faults.absent:
            self._refuse(404, "EntryNotFound", "Entry not found", {"X-Repo-Commit": commit})
        elif path.endswith(_LARGE):
            # Large files lie in a store with another name, to which no token may be sent.
            sha256 = hashlib.sha256(content).hexdigest()
            there = f"http://localhost:{self.server.server_address[1]}/store/{name}/{sha256}/{path}"
            linked = {"X-Linked-Etag": f'"{sha256}"', "X-Linked-Size": str(len(content))}
            self._send(302, b"", {"X-Repo-Commit": commit, "Location": there, **linked})
        else:
            self._content(
                repository, path, content, {"X-Repo-Commit": commit, "ETag": f'"{_git_sha(content)}"'}
            )

    def _store(self, name: str, sha256: str, path: str) -> None:
        if self.headers.get("Authorization"):
            self._refuse(400, None, "a token was sent to the store")
            return
        repository = self.hub.repositories[name]
        for files in repository.commits.values():
            content = files.get(path)
            if content is not None and hashlib.sha256(content).hexdigest() == sha256:
                self._content(repository, path, content, {"ETag": f'"{sha256}"'})
                return
        self._refuse(404, None, "no such object")

    def _content(self, repository: Repository, path: str, content: bytes, headers: Mapping[str, str]) -> None:
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").partition("-")[0])
        if self.command == "GET" and repository.faults.cut.get(path, 0) > 0:
            repository.faults.cut[path] -= 1
            if start == 0:
                self._send(200, content, headers, upto=len(content) // 2)
            self._drop()
        elif start:
            span = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self._send(206, content[start:], {**headers, "Content-Range": span})
        else:
            self._send(200, content, headers)

    def _drop(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _json(self, value: object) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _refuse(
        self, status: int, code: str | None, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        marks = {"X-Error-Message": message, **({"X-Error-Code": code} if code else {}), **(headers or {})}
        self._send(
            status, json.dumps({"error": message}).encode(), {"Content-Type": "application/json", **marks}
        )

    def _send(
        self, status: int, content: bytes, headers: Mapping[str, str], *, upto: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {"Accept-Ranges": "bytes", **headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[:upto])
            self.wfile.flush()


def _info(repository: Repository, commit: str, blobs: bool) -> Mapping[str, object]:
    files = repository.commits[commit]
    entries = {entry["path"]: entry for entry in _tree(files)}
    siblings = [
        {
            "rfilename": name,
            **({"size": entries[name]["size"], "blobId": entries[name]["oid"]} if blobs else {}),
        }
        for name in files
    ]
    gated = "auto" if repository.faults.gated_for else False
    return {
        "_id": "0" * 24,
        "id": repository.name,
        "modelId": repository.name,
        "sha": commit,
        "private": False,
        "disabled": False,
        "gated": gated,
        "downloads": 0,
        "likes": 0,
        "tags": ["diffusers"],
        "siblings": siblings,
    }


def _tree(files: Files) -> list[dict[str, object]]:
    folders = sorted({name.rpartition("/")[0] for name in files} - {""})
    entries: list[dict[str, object]] = [
        {"type": "directory", "oid": "0" * 40, "size": 0, "path": one} for one in folders
    ]
    for name, content in files.items():
        entry: dict[str, object] = {
            "type": "file",
            "oid": _git_sha(content),
            "size": len(content),
            "path": name,
        }
        if name.endswith(_LARGE):
            sha256 = hashlib.sha256(content).hexdigest()
            entry["lfs"] = {"oid": sha256, "size": len(content), "pointerSize": 130}
        entries.append(entry)
    return entries


def _git_sha(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@contextmanager
def hub() -> Iterator[HubServer]:
    """A hub without repositories, for as long as the block runs."""
    server = HubServer()
    try:
        yield server
    finally:
        server.stop()
