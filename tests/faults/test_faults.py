"""Every planted fault fails its case, and `harness explain` names where it sits."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.support.faults.catalogue import CATALOGUE, fault_named
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


LARGE = [
    "ddim-beta-schedule",
    "ddim-final-alpha",
    "ddim-another-seed",
    "sd-noise-scale",
    "sd-text-softmax-scale",
    "sd-embedding-cut",
    "sd-head-zeroed",
    "sd-call-five",
    "sd-guidance-7.499",
    "sd-embeddings-swapped",
    "sd-vae-scaling",
    "sd-vae-weight",
    "sd-picture-rounded",
    "unclip-super-res-variance",
    "unclip-prior-guidance",
]
"""Faults larger, where they sit, than what rounding does there."""


@pytest.mark.slow
@pytest.mark.parametrize("fault_among_rounding", [pytest.param(fault_named(name), id=name) for name in LARGE])
def test_a_fault_stands_out_where_every_event_differs_by_rounding(
    fault_among_rounding: Fault, examined_among_rounding: Mapping[str, Examined]
) -> None:
    one = examined_among_rounding[fault_among_rounding.name]
    assert one.took_effect, one.said
    assert not one.misses, one.said
