"""What `env A B` says of a file that it cannot use."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.commands.env import compare_environments
from harness.errors import UsageError
from harness.invocation.options import Options
from harness.report.terminal import Screen


def test_a_file_without_a_fingerprint_is_not_offered_for_overwriting(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.write_text('{"schema": 1, "cases": []}')
    with pytest.raises(UsageError) as caught:
        compare_environments(report, report, Options(), Screen(quiet=True))
    assert str(caught.value).startswith(f"{report}: holds no fingerprint (")
    assert str(caught.value).endswith("; name a golden, a capture, or a file saved by `harness env --json`")
