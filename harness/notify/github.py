"""An issue on GitHub for each cause: opened once, kept up to date while it lasts, closed when it recovers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from harness.core.nights.message import Message, Paragraph
from harness.notify.channel import Memory, NotSent
from harness.notify.http import Server

_PAGE = 100
_MOST_PAGES = 20
_MOST_CASES = 100
_LONGEST_TITLE = 200


@dataclass(frozen=True, slots=True)
class Issues:
    """The issues of one repository; every issue opened here has the `label`, and the `assignee` if there is one."""

    repository: str
    server: Server
    label: str
    assignee: str = ""
    stateful = True

    @property
    def name(self) -> str:
        """The repository's name."""
        return f"github:{self.repository}"

    def send(self, message: Message, memory: Memory) -> None:
        """Bring the issues up to date with what fails tonight; raises NotSent."""
        known = dict(memory.open_issues())
        failing = {one.group: one for one in message.failures}
        found = self._found() if failing.keys() - known.keys() else {}
        for group, failure in failing.items():
            if number := known.get(group):
                self._change(number, {"body": _body(failure, message)})
                continue
            # One that a killed night opened, and did not live to remember.
            memory.opened(group, found.get(group) or self._open(failure, message))
        for group in known.keys() - failing.keys():
            body = f"{_marker(group)}\nRecovered on {message.day}.\n"
            self._change(known[group], {"state": "closed", "state_reason": "completed", "body": body})
            memory.closed(group, known[group])

    def _found(self) -> Mapping[str, str]:
        """The open issues with our label, by the cause that their text names."""
        found = dict[str, str]()
        for page in range(1, _MOST_PAGES + 1):
            query = f"?state=open&labels={quote(self.label)}&per_page={_PAGE}&page={page}"
            issues = self.server.request("GET", self._path(query))
            listed = issues if isinstance(issues, list) else []
            for issue in listed:
                if mark := _MARKED.search(str(issue.get("body") or "")):
                    found[mark[1]] = str(issue["number"])
            if len(listed) < _PAGE:
                break
        return found

    def _open(self, failure: Paragraph, message: Message) -> str:
        body = {
            "title": _title(failure),
            "body": _body(failure, message),
            "labels": [self.label],
            **({"assignees": [self.assignee]} if self.assignee else {}),
        }
        answer = self.server.request("POST", self._path(), body)
        if not isinstance(answer, dict) or "number" not in answer:
            raise NotSent(f"{self.name}: the answer holds no number of an issue")
        return str(answer["number"])

    def _change(self, number: str, change: Mapping[str, str]) -> None:
        self.server.request("PATCH", self._path(f"/{number}"), dict(change))

    def _path(self, rest: str = "") -> str:
        return f"/repos/{self.repository}/issues{rest}"


_MARKED = re.compile(r"<!-- harness-cause: ([0-9a-zA-Z-]+) -->")


def _marker(group: str) -> str:
    return f"<!-- harness-cause: {group} -->"


def _title(failure: Paragraph) -> str:
    return f"Golden regression: {failure.sentence}"[:_LONGEST_TITLE]


def _body(failure: Paragraph, message: Message) -> str:
    """What fails, in a block where nothing is a mention, a link or markup."""
    names = failure.cases[:_MOST_CASES]
    more = len(failure.cases) - len(names)
    lines = [failure.sentence, "", *names, *([f"and {more} more"] if more else [])]
    if message.place:
        lines += ["", f"report: {message.place}"]
    text = "\n".join(lines)
    fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", text)), default=0))
    return f"{_marker(failure.group)}\nLast seen on {message.day}.\n\n{fence}text\n{text}\n{fence}\n"
