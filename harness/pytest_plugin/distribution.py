"""How xdist distributes items; imported only in its controller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling


class ByGroup(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """Sends the items of a group to one process, and others one by one.

    `--dist loadgroup` does the same by appending the group to node ids, which recent versions of pytest do not allow.
    """

    groups: Mapping[str, str]

    def _split_scope(self, nodeid: str) -> str:
        return self.groups.get(nodeid, nodeid)


def by_group(config: pytest.Config, log: Any, groups: Mapping[str, str]) -> ByGroup:
    """The scheduler for items whose `groups` are known by node id."""
    scheduler = ByGroup(config, log)
    scheduler.groups = groups
    return scheduler
