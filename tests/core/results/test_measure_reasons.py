"""The reasons of record, accept, repeat, calibrate and sensitivity: each is in the union, under its own kind."""

from __future__ import annotations

import inspect
from dataclasses import fields, is_dataclass
from typing import get_args

from harness.core.results import measure_reasons
from harness.core.results.measure_reasons import MeasureReason
from harness.core.results.reasons import Reason


def test_every_type_of_the_module_is_a_reason() -> None:
    types = {
        one
        for _, one in inspect.getmembers(measure_reasons, inspect.isclass)
        if is_dataclass(one) and one.__module__ == measure_reasons.__name__
    }
    assert types == set(get_args(MeasureReason))
    assert types < set(get_args(Reason))


def test_a_kind_is_the_name_of_its_type_and_belongs_to_it_alone() -> None:
    kinds = [fields(one)[-1].default for one in get_args(Reason)]
    assert len(set(kinds)) == len(kinds)
    for one in get_args(MeasureReason):
        words = fields(one)[-1].default.split("-")
        assert "".join(word.capitalize() for word in words) == one.__name__
