"""The planted faults that were selected, all examined once, two workers at a time."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.support.faults.fault import Fault
from tests.support.faults.rig import OLD_PROCESSOR, Examined, examine_all, recorded


@pytest.fixture(scope="session")
def examined(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Examined]:
    """What was said of each selected fault, by its name; the goldens are recorded without any fault."""
    faults = _selected(request, "fault")
    project = recorded(tmp_path_factory.mktemp("faults"), {fault.case for fault in faults})
    return examine_all(project, faults)


@pytest.fixture(scope="session")
def examined_among_rounding(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Examined]:
    """The same, with goldens recorded with this processor's own kernels and faulty runs with those of an old one."""
    faults = _selected(request, "fault_among_rounding")
    project = recorded(tmp_path_factory.mktemp("rounding"), {fault.case for fault in faults})
    return examine_all(project.with_variables(**OLD_PROCESSOR), faults)


def _selected(request: pytest.FixtureRequest, parameter: str) -> list[Fault]:
    calls = (item.callspec for item in request.session.items if hasattr(item, "callspec"))
    found = (call.params.get(parameter) for call in calls)
    return [fault for fault in found if isinstance(fault, Fault)]
