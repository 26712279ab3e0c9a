from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from harness.core.nights.message import Paragraph
from harness.notify.channel import NotSent
from harness.notify.github import Issues
from harness.notify.http import Server
from tests.notify.samples import FAILING, HOSTILE, MESSAGE, QUIET, Memory
from tests.support.messengers import Messenger, messenger

OTHER = replace(FAILING, sentence="1 case failing since 2026-03-02: raised", cases=("sd/c",), group="group-2")


@pytest.fixture
def there() -> Iterator[Messenger]:
    with messenger() as found:
        yield found


def issues(there: Messenger, assignee: str = "") -> Issues:
    server = Server("github:o/r", there.address, {"Authorization": "Bearer s3cr3t"})
    return Issues("o/r", server, "golden-regression", assignee)


def test_a_cause_gets_one_issue_with_label_and_assignee(there: Messenger) -> None:
    memory = Memory()
    issues(there, "ada").send(MESSAGE, memory)
    (opened,) = there.requests("POST")
    assert (opened.path, opened.headers["Authorization"]) == ("/repos/o/r/issues", "Bearer s3cr3t")
    assert opened.body == {
        "title": "Golden regression: 2 cases failing since 2026-03-01: values at unet",
        "body": "<!-- harness-cause: group-1 -->\nLast seen on 2026-03-01.\n\n```text\n"
        "2 cases failing since 2026-03-01: values at unet\n\nsd/a\nsd/b\n\nreport: nightly/2026-03-01\n```\n",
        "labels": ["golden-regression"],
        "assignees": ["ada"],
    }
    assert memory.issues == {"group-1": "1"}


def test_an_issue_is_updated_while_its_cause_lasts_and_closed_when_it_is_gone(there: Messenger) -> None:
    memory = Memory()
    issues(there).send(MESSAGE, memory)
    later = replace(MESSAGE, key="2", day="2026-03-02", news=(), failures=(FAILING, OTHER))
    issues(there).send(later, memory)
    assert [issue["state"] for issue in there.issues.values()] == ["open", "open"]
    assert "Last seen on 2026-03-02." in there.issues[1]["body"]
    issues(there).send(replace(later, key="3", day="2026-03-03", failures=(OTHER,)), memory)
    assert there.issues[1]["state"] == "closed"
    assert there.issues[1]["body"] == "<!-- harness-cause: group-1 -->\nRecovered on 2026-03-03.\n"
    assert memory.issues == {"group-2": "2"}
    assert len(there.requests("POST")) == 2


def test_a_quiet_night_closes_what_recovered_and_asks_for_nothing_else(there: Messenger) -> None:
    memory = Memory()
    issues(there).send(QUIET, memory)
    assert there.got == []
    issues(there).send(MESSAGE, memory)
    issues(there).send(QUIET, memory)
    assert (there.issues[1]["state"], memory.issues) == ("closed", {})


def test_an_issue_that_a_killed_night_opened_is_found_again(there: Messenger) -> None:
    issues(there).send(MESSAGE, Memory())
    memory = Memory()  # the kill came before it was remembered
    issues(there).send(MESSAGE, memory)
    assert len(there.requests("POST")) == 1
    assert memory.issues == {"group-1": "1"}


def test_issues_are_looked_for_on_every_page(there: Messenger) -> None:
    for number in range(1, 151):
        there.issues[number] = {"state": "open", "body": f"<!-- harness-cause: group-{number + 100} -->"}
    memory = Memory()
    issues(there).send(replace(MESSAGE, failures=(replace(FAILING, group="group-240"),)), memory)
    assert memory.issues == {"group-240": "140"}
    assert there.requests("POST") == []
    assert there.got[0].path == "/repos/o/r/issues?state=open&labels=golden-regression&per_page=100&page=1"


def test_words_of_others_mention_nobody(there: Messenger) -> None:
    hostile = Paragraph("failing", HOSTILE, ("````",), "group-9", "2026-03-01")
    issues(there).send(replace(MESSAGE, failures=(hostile,)), Memory())
    body = there.issues[1]["body"]
    fence = "`````"
    assert body.count(fence) == 2
    assert body.index(fence) < body.index("@all") < body.rindex(fence)


def test_an_answer_without_a_number_is_no_success(there: Messenger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Messenger, "answer", lambda *_: [])
    with pytest.raises(NotSent, match="the answer holds no number of an issue"):
        issues(there).send(MESSAGE, Memory())


def test_an_answer_without_a_number_opens_nothing(there: Messenger, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory()
    for answer in ("ok", {}):
        monkeypatch.setattr(there, "answer", lambda one, answer=answer: [] if one.method == "GET" else answer)
        with pytest.raises(NotSent, match=r"^github:o/r: the answer holds no number of an issue$"):
            issues(there).send(MESSAGE, memory)
    assert memory.issues == {}


def test_long_titles_and_lists_are_cut(there: Messenger) -> None:
    many = replace(FAILING, sentence="x" * 300, cases=tuple(f"case-{place}" for place in range(130)))
    issues(there).send(replace(MESSAGE, failures=(many,), place=""), Memory())
    issue = there.issues[1]
    assert issue["title"] == f"Golden regression: {'x' * 181}"
    assert issue["body"].endswith("case-98\ncase-99\nand 30 more\n```\n")


def test_a_short_list_of_issues_is_asked_for_once(there: Messenger) -> None:
    issues(there).send(MESSAGE, Memory())
    assert [one.path.partition("&page=")[2] for one in there.requests("GET")] == ["1"]
