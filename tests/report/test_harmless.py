"""Text from elsewhere: no control sequence, hidden character or command of a CI service gets through."""

from __future__ import annotations

import json

from harness.report.harmless import harmless, harmless_json, plain


def test_plain_drops_terminal_sequences_and_escapes_what_cannot_be_shown() -> None:
    assert plain("\x1b[1;31mred\x1b[0m \x1b]0;title\x07text") == "red text"
    assert plain("a\x07b\x00c\x9b\u202ed\ud800\ufffe") == "a\\x07b\\x00c\\x9b\\u202ed\\ud800\\ufffe"
    assert plain("one\r\ntwo\rthree\tfour") == "one\ntwo\\x0dthree\\tfour".replace("\\tfour", "   four")
    assert plain("七 é ± →") == "七 é ± →"


def test_plain_escapes_what_hides_or_breaks_a_command_of_a_ci_service() -> None:
    assert plain("in\u200bvisible \U000e0041") == "in\\u200bvisible \\U000e0041"
    assert plain("a ##[error] ##vso[x] ###[x] ## [x] #[x]") == "a #\\#[error] #\\#vso[x] ##\\#[x] ## [x] #[x]"
    assert plain("\x1b]0;never ended\nthe next line") == "\nthe next line"


def test_harmless_puts_a_backslash_before_a_line_that_would_be_a_command() -> None:
    told = "::error::a\n  ::b\nc::d\n--- e\n  --- f\n--- \n---\nsection_start:1:g"
    assert harmless(told) == "\\::error::a\n  \\::b\nc::d\n\\--- e\n  --- f\n\\--- \n---\n\\section_start:1:g"
    assert harmless(harmless(told)) == harmless(told)


def test_harmless_json_means_the_same() -> None:
    document = {"##[error]": ["\x7f\u202e\U000e0041\\##vso[", '"##teamcity[']}
    text = harmless_json(json.dumps(document, ensure_ascii=False, indent=1))
    assert json.loads(text) == document
    assert text.isascii()
    assert "##" not in text
