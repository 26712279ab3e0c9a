"""The planted faults that were selected, all examined once, two workers at a time."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.support.faults.fault import Fault
from tests.support.faults.rig import Examined, examine_all, recorded


@pytest.fixture(scope="session")
def examined(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Examined]:
    """What was said of each selected fault, by its name; the goldens are recorded without any fault."""
    calls = (item.callspec for item in request.session.items if hasattr(item, "callspec"))
    selected = [call.params["fault"] for call in calls if isinstance(call.params.get("fault"), Fault)]
    faults = dict.fromkeys(selected)
    project = recorded(tmp_path_factory.mktemp("faults"), {fault.case for fault in faults})
    return examine_all(project, faults)
