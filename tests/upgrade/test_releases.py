"""Which releases an index has: in a folder, on a page, and from a server that knows upload times."""

from __future__ import annotations

import dataclasses
import http.server
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import pytest
import requests

from harness.upgrade.index import Index
from harness.upgrade.releases import NoReleases, Release, Releases
from tests.support.wheels import wheel

JSON = "application/vnd.pypi.simple.v1+json"


def names(found: tuple[Release, ...]) -> list[str]:
    return [one.version for one in found]


@contextmanager
def served(pages: Mapping[str, tuple[str, str]], status: int = 200) -> Iterator[str]:
    """A server of these pages, by path: content type and text; `status` is that of all that it has."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, text = pages.get(self.path, ("", ""))
            self.send_response(status if self.path in pages else 404)
            self.send_header("Content-Type", kind or "text/plain")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/simple"
    finally:
        server.shutdown()
        server.server_close()


def test_a_folder_of_wheels_is_an_index_without_times(tmp_path: Path) -> None:
    for version in ("1.9", "1.10", "2.0rc1"):
        wheel(tmp_path, "some-package", version)
    wheel(tmp_path, "other", "7")
    (tmp_path / "notes.txt").write_text("no package\n")
    found = Releases(Index(no_index=True, find_links=(str(tmp_path),))).of("Some_Package")
    assert names(found) == ["1.9", "1.10", "2.0rc1"]
    assert [one.skipped for one in found] == [False, False, True]
    assert {one.uploaded for one in found} == {None}


def test_without_wheels_a_version_counts_only_if_it_may_be_built(tmp_path: Path) -> None:
    (tmp_path / "some_package-1.0.tar.gz").write_bytes(b"")
    (tmp_path / "some_package-2.0-cp27-cp27m-win32.whl").write_bytes(b"")
    index = Index(no_index=True, find_links=(tmp_path.as_uri(),))
    assert Releases(index).of("some-package") == ()
    assert names(Releases(index, sdists=True).of("some-package")) == ["1.0"]


def test_a_page_in_a_folder_says_what_was_yanked(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p/index.html").write_text(
        "<a href='p-1.0-py3-none-any.whl'>p-1.0-py3-none-any.whl</a>"
        "<a href='p-1.1-py3-none-any.whl' data-yanked='bad'>p-1.1-py3-none-any.whl</a>"
        "<a href='p-1.2-py3-none-any.whl' data-requires-python='&lt;3.0'>p-1.2-py3-none-any.whl</a>"
    )
    found = Releases(Index(index_url=tmp_path.as_uri())).of("p")
    assert [(one.version, one.skipped) for one in found] == [("1.0", False), ("1.1", True)]


def file_of(version: str, uploaded: str, **more: object) -> dict[str, object]:
    name = f"p-{version}-py3-none-any.whl"
    return {"filename": name, "url": name, "hashes": {}, "upload-time": uploaded, **more}


def test_a_server_knows_when_each_version_was_uploaded() -> None:
    page = {
        "meta": {"api-version": "1.1"},
        "name": "p",
        "versions": ["1.0", "1.1", "1.2"],
        "files": [
            file_of("1.0", "2026-01-02T03:04:05Z"),
            file_of("1.1", "2026-02-02T03:04:05Z", yanked="broken"),
            file_of("1.2", "2026-03-02T03:04:05Z"),
        ],
    }
    with served({"/simple/p/": (JSON, json.dumps(page))}) as url:
        releases = Releases(Index(index_url=url))
        assert releases.uploaded("p", "1.0") == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        assert names(releases.between("p", "1.0", "1.2")) == ["1.2"]
        assert names(releases.between("p", "1.0", "1.1")) == ["1.1"]  # asked for by its number
        assert releases.of("unknown") == ()


def test_the_way_down_is_the_way_up_in_reverse(tmp_path: Path) -> None:
    for version in ("1", "2", "3", "4"):
        wheel(tmp_path, "p", version)
    releases = Releases(Index(no_index=True, find_links=(str(tmp_path),)))
    assert names(releases.between("p", "1", "4")) == ["2", "3", "4"]
    assert names(releases.between("p", "4", "1")) == ["3", "2", "1"]


def test_other_builds_do_not_lie_between(tmp_path: Path) -> None:
    for version in ("1", "2", "3"):
        for build in ("", "+cpu", "+cu128"):
            wheel(tmp_path, "p", f"{version}{build}")
    releases = Releases(Index(no_index=True, find_links=(str(tmp_path),)))
    assert names(releases.between("p", "1", "3")) == ["2", "3"]
    assert names(releases.between("p", "1+cpu", "3+cpu")) == ["2+cpu", "3+cpu"]
    assert names(releases.between("p", "1+cpu", "3")) == ["2", "2+cpu", "3"]


def test_an_index_that_does_not_answer_is_an_error_with_a_next_step() -> None:
    with pytest.raises(NoReleases, match=r"\(no connection to 127.0.0.1\); make the index"):
        Releases(Index(index_url="http://127.0.0.1:9/simple")).of("p")


def test_the_password_of_an_index_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(place: str, **_: object) -> NoReturn:
        raise requests.HTTPError(f"403 Client Error: Forbidden for url: {place}")

    monkeypatch.setattr(requests, "get", refused)
    with pytest.raises(NoReleases, match=r"a\.example") as error:
        Releases(Index(index_url="https://user:secret@a.example/simple")).of("p")
    assert "secret" not in str(error.value)


def test_a_page_that_is_none_is_an_error() -> None:
    with (
        served({"/simple/p/": (JSON, "{")}) as url,
        pytest.raises(
            NoReleases, match=r"cannot be listed \(127.0.0.1 gave no page of an index: JSONDecodeError\)"
        ),
    ):
        Releases(Index(index_url=url)).of("p")


def test_an_index_that_fails_is_not_one_without_releases() -> None:
    with (
        served({"/simple/p/": ("", "")}, status=503) as url,
        pytest.raises(NoReleases, match=r"\(127.0.0.1 answered with status 503\)"),
    ):
        Releases(Index(index_url=url)).of("p")


def test_every_configured_place_is_asked_and_without_an_index_the_folders_alone(tmp_path: Path) -> None:
    for place, version in (("main", "1"), ("extra", "2"), ("links", "3")):
        wheel(tmp_path / place / ("p" if place != "links" else ""), "p", version)
    index = Index(
        index_url=(tmp_path / "main").as_uri(),
        extra_index_urls=((tmp_path / "extra").as_uri(),),
        find_links=(str(tmp_path / "links"),),
    )
    assert names(Releases(index).of("p")) == ["1", "2", "3"]
    assert names(Releases(dataclasses.replace(index, no_index=True)).of("p")) == ["3"]


@pytest.mark.parametrize(("index", "verify"), [
    (Index(), True),
    (Index(certificates="/a/file.pem"), "/a/file.pem"),
    (Index(certificates="/a/file.pem", trusted_hosts=("b.example",)), "/a/file.pem"),
    (Index(trusted_hosts=("a.example:8443",)), False),
])  # fmt: skip
def test_a_server_is_trusted_as_pip_trusts_it(
    monkeypatch: pytest.MonkeyPatch, index: Index, verify: str | bool
) -> None:
    asked = list[object]()

    def refused(_place: str, **how: object) -> NoReturn:
        asked.append(how["verify"])
        raise requests.ConnectionError

    monkeypatch.setattr(requests, "get", refused)
    with pytest.raises(NoReleases):
        Releases(dataclasses.replace(index, index_url="https://a.example/simple")).of("p")
    assert asked == [verify]
