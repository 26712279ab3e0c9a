"""The messages between a worker and its parent are distinguished by their kind."""

from __future__ import annotations

from harness.core.capture import Lost
from harness.core.messages import Finished, Progress, Ready


def test_each_reply_has_a_kind_of_its_own() -> None:
    replies = (Ready(None), Progress("running", 1, 2), Finished(Lost("gone")))
    assert [reply.kind for reply in replies] == ["ready", "progress", "finished"]
