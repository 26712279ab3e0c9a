"""The screen and the JSON of `env --environments`."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

import pytest

from harness.core.environment import Change
from harness.core.results.environments import KeptEnvironment, KeptReport
from harness.report.views.environments import kept_json
from tests.report.screens import screen, shown

ONE = KeptEnvironment(
    "eade7e18a8339ef9881a8fbb4e32c587",
    datetime(2026, 3, 1, 8, 5).astimezone(),
    datetime(2026, 3, 2, 9, 30).astimezone(),
    1_500_000_000,
    27_000_000,
    (Change("diffusers", "0.42.1", "0.43.0"), Change("httpx", None, "0.28.1")),
    True,
)
TWO = replace(
    ONE,
    key="0" * 32,
    moved=(),
    importable=False,
    problem="ImportError: cannot import name 'X'",
    in_use=True,
)
REPORT = KeptReport("/home/me/.cache/harness/envs", 20 * 10**9, 1_600_000_000, (ONE, TWO))


def show(report: KeptReport, *, quiet: bool = False) -> str:
    return shown(lambda there: there.show_kept(report), quiet=quiet)


def test_the_whole_screen() -> None:
    assert show(REPORT) == screen("""
        environment   made              last used           size  would free  imports
        ─────────────────────────────────────────────────────────────────────────────
        eade7e18a833  2026-03-01 08:05  2026-03-02 09:30  1.5 GB     27.0 MB  yes
          diffusers 0.42.1 → 0.43.0, httpx not there → 0.28.1
        000000000000  2026-03-01 08:05  in use            1.5 GB     27.0 MB  no
          the same packages as here
          cannot be imported: ImportError: cannot import name 'X'

        /home/me/.cache/harness/envs
        2 environments, 1.6 GB of at most 20.0 GB
    """)


@pytest.mark.parametrize("quiet", [False, True])
def test_after_a_removal(quiet: bool) -> None:
    left = replace(REPORT, environments=(), bytes=0, removed=(ONE.key,))
    assert show(left, quiet=quiet) == screen("""
        removed 1 environment
        /home/me/.cache/harness/envs
        no environments, 0 bytes of at most 20.0 GB
    """)


def test_quiet_leaves_the_sum_and_what_was_not_tried_is_said() -> None:
    one = replace(REPORT, environments=(replace(ONE, importable=None),))
    assert show(one, quiet=True) == (
        "/home/me/.cache/harness/envs\n1 environment, 1.6 GB of at most 20.0 GB\n"
    )
    assert "not tried" in show(one)


def test_json() -> None:
    found = json.loads(kept_json(replace(REPORT, removed=("f" * 32,))))
    assert {name: found[name] for name in ("schema", "root", "limit", "bytes", "removed")} == {
        "schema": 1,
        "root": "/home/me/.cache/harness/envs",
        "limit": 20 * 10**9,
        "bytes": 1_600_000_000,
        "removed": ["f" * 32],
    }
    first = found["environments"][0]
    assert datetime.fromisoformat(first.pop("made")) == ONE.made
    assert datetime.fromisoformat(first.pop("used")) == ONE.used
    assert first == {
        "key": ONE.key,
        "bytes": 1_500_000_000,
        "frees": 27_000_000,
        "moved": [
            {"what": "diffusers", "golden": "0.42.1", "now": "0.43.0"},
            {"what": "httpx", "golden": None, "now": "0.28.1"},
        ],
        "importable": True,
        "problem": "",
        "in_use": False,
    }
