"""The commands as pytest sees them: configs are tests. Every run of pytest imports this, so it imports little."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from harness.pytest_plugin.configs import ConfigFile
    from harness.pytest_plugin.fixture import GoldensOfTest

MARKS = {
    "golden": "a case of the harness, judged against its golden",
    "gpu": "a case that cannot run on a CPU",
    "network": "a case with a model on the hub",
}
"""The marks of items besides the tags of their configs."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options and their ini twins."""
    from harness.pytest_plugin.options import declare

    declare(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """With --goldens, take part in the session."""
    from harness.pytest_plugin.options import given_of

    given = given_of(config)
    if given.goldens:
        for name, what in MARKS.items():
            config.addinivalue_line("markers", f"{name}: {what}")
        from harness.pytest_plugin.session import Goldens

        goldens = Goldens(config, given)
        config.pluginmanager.register(goldens, Goldens.NAME)


@pytest.fixture
def goldens(request: pytest.FixtureRequest) -> GoldensOfTest:
    """Goldens of this test: `goldens.check("embeddings", tensor, rel_l2=1e-5)`."""
    from harness.pytest_plugin.fixture import GoldensOfTest
    from harness.pytest_plugin.options import given_of
    from harness.pytest_plugin.place import place_of

    given = given_of(request.config)
    return GoldensOfTest(request.node, place_of(request.config, given, needs_configs=False), given)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ConfigFile | None:
    """A config under the folder of the configs is a file of tests."""
    goldens = parent.config.pluginmanager.get_plugin("goldens of the harness")
    return goldens.collected(file_path, parent) if goldens else None
