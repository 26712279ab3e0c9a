"""What pip is configured to, in the words of uv."""

from __future__ import annotations

import pytest

from harness.upgrade.index import Index, UnknownOption, index_of

LINES = """\
:env:.cert='/etc/certificates.pem'
:env:.find-links='/wheels /more wheels'
global.extra-index-url='https://a.example/simple https://b.example/simple'
global.index-url='https://of-all.example/simple'
install.index-url='https://of-install.example/simple'
install.constraint='/etc/constraints.txt'
global.timeout='60'
freeze.exclude='pip'
"""


def test_everything_that_decides_what_is_installed_is_read() -> None:
    found = index_of(LINES.splitlines())
    assert found == Index(
        index_url="https://of-install.example/simple",
        extra_index_urls=("https://a.example/simple", "https://b.example/simple"),
        find_links=("/wheels", "/more", "wheels"),
        constraints=("/etc/constraints.txt",),
        certificates="/etc/certificates.pem",
    )


def test_uv_is_told_all_of_it() -> None:
    found = index_of(LINES.splitlines())
    assert found.uv_words() == (
        "--index-strategy",
        "unsafe-best-match",
        "--index-url=https://of-install.example/simple",
        "--extra-index-url=https://a.example/simple",
        "--extra-index-url=https://b.example/simple",
        "--find-links=/wheels",
        "--find-links=/more",
        "--find-links=wheels",
    )
    assert found.uv_constraints() == ("--constraint=/etc/constraints.txt",)
    assert found.uv_environment() == {"SSL_CERT_FILE": "/etc/certificates.pem"}


@pytest.mark.parametrize(("value", "words"), [("true", ("--no-index",)), ("0", ())])
def test_no_index_at_all(value: str, words: tuple[str, ...]) -> None:
    assert index_of([f"global.no-index='{value}'"]).uv_words()[2:] == words


def test_an_option_that_uv_cannot_be_told_is_named() -> None:
    found = index_of(["global.proxy='http://proxy.example'", "global.client-cert='/a.pem'"])
    with pytest.raises(UnknownOption, match=r"client-cert, proxy.*--installer pip"):
        found.uv_words()


def test_without_configuration_nothing_is_said() -> None:
    assert index_of([]) == Index()
    assert Index().uv_words() == ("--index-strategy", "unsafe-best-match")
    assert Index().uv_environment() == {}


def test_another_index_is_another_identity() -> None:
    one, two = (Index(index_url=f"https://{name}.example") for name in "ab")
    assert one.identity() != two.identity()
    assert one.identity() == Index(index_url="https://a.example", certificates="/a.pem").identity()
