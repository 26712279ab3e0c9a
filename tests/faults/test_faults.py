"""Every planted fault fails its case, and `harness explain` names where it sits."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.support.faults.catalogue import CATALOGUE
from tests.support.faults.fault import Fault
from tests.support.faults.rig import Examined

FAULTS = [
    pytest.param(fault, id=fault.name, marks=() if fault.quick else pytest.mark.slow) for fault in CATALOGUE
]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_where_it_sits(fault: Fault, examined: Mapping[str, Examined]) -> None:
    one = examined[fault.name]
    assert one.took_effect, one.said
    assert one.verdict in {"drifted", "broken", "stale"}, one.said
    assert not one.misses, one.said
