"""The fixture `goldens` in tests of one's own; the values are numpy's, and no torch is needed."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from harness.cli import main
from harness.core.case import Case
from harness.core.environment import Environment
from tests.golden.builders import environment, write_capture
from tests.pytest_plugin.conftest import CONFIG, Run
from tests.support.pretend import Pretend

pytest_plugins = ["pytester"]

TEST = """\
import numpy as np

def test_it(goldens):
    goldens.check("embeddings", np.float32([1.0, 2.0, {value}]){limits})
"""

GOLDEN = "goldens/+tests/test_own/test_it/embeddings/cpu-x86_64.safetensors"
ACCEPT = ("--goldens-update=accept", "--goldens-reason", "first values")


@pytest.fixture(autouse=True)
def written_by_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Captures as worker/values.py writes them, which a test of its own shows with torch."""

    def write_value(path: Path, case: Case, value: Any) -> Environment:
        write_capture(path, {"output": value}, case=case, env=environment())
        return environment()

    module = ModuleType("harness.worker.values")
    module.write_value = write_value  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)


def own(pytester: pytest.Pytester, value: float = 3.0, limits: str = "") -> None:
    pytester.makepyfile(test_own=TEST.format(value=value, limits=limits))


def test_from_the_first_run_to_a_change(pytester: pytest.Pytester, project: Pretend, run: Run) -> None:
    own(pytester)
    first = run()
    first.assert_outcomes(failed=1)
    first.stdout.fnmatch_lines(
        [
            ">*goldens.check(*",
            "E*no-golden  +tests/test_own/test_it/embeddings*",
            "E*next: look at the draft,*",
            "E*pytest test_own.py::test_it --goldens-update=accept --goldens-reason ...",
        ]
    )
    assert "harness/pytest_plugin" not in first.stdout.str()
    assert not (pytester.path / GOLDEN).exists()
    [draft] = (pytester.path / GOLDEN).parent.iterdir()
    run().assert_outcomes(failed=1)
    run(*ACCEPT).assert_outcomes(passed=1)
    assert (pytester.path / GOLDEN).is_file()
    assert not draft.exists()
    run().assert_outcomes(passed=1)
    own(pytester, 3.5)
    changed = run()
    changed.assert_outcomes(failed=1)
    changed.stdout.fnmatch_lines(
        ["E*drifted  +tests/*", "E*max_abs 0.5*", "E*harness compare goldens/+tests/test_own/*"]
    )


def test_what_was_written_fails_once(pytester: pytest.Pytester, project: Pretend, run: Run) -> None:
    own(pytester)
    result = run("--goldens-update")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"E*the golden was recorded: {GOLDEN}*"])
    run("--goldens-update").assert_outcomes(passed=1)
    own(pytester, 3.5)
    run("--goldens-new-only").assert_outcomes(failed=1)
    own(pytester)
    run().assert_outcomes(passed=1)


def test_limits_hold_under_any_relation(pytester: pytest.Pytester, project: Pretend, run: Run) -> None:
    own(pytester)
    run(*ACCEPT)
    own(pytester, 3.00001)
    run().assert_outcomes(failed=1)
    run("--goldens-relation", "same-hardware").assert_outcomes(passed=1)
    own(pytester, 3.01, ", rel_l2=1e-2")
    run().assert_outcomes(passed=1)
    own(pytester, 3.2, ", rel_l2=1e-2")
    run().assert_outcomes(failed=1)


def test_metrics_are_properties(pytester: pytest.Pytester, project: Pretend, run: Run) -> None:
    own(pytester)
    run(*ACCEPT)
    own(pytester, 3.5)
    run("--junit-xml", "junit.xml")
    text = (pytester.path / "junit.xml").read_text()
    assert '<property name="embeddings.verdict" value="drifted" />' in text
    assert '<property name="embeddings.output.max_abs" value="0.5" />' in text


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (
            'goldens.check("a", x, rel_l3=1)',
            "ValueError: rel_l3: not a metric; accepted: max_abs, mean_abs, rel_l2",
        ),
        (
            'goldens.check("a", x); goldens.check("a", x)',
            "ValueError: 'a': checked twice; give each value its own",
        ),
        ('goldens.check("", x)', "ValueError: '': no name"),
    ],
)
def test_misuse_is_told(
    pytester: pytest.Pytester, project: Pretend, run: Run, line: str, complaint: str
) -> None:
    pytester.makepyfile(
        test_own=f"import numpy as np\n\ndef test_it(goldens):\n    x = np.ones(3)\n    {line}\n"
    )
    run(*ACCEPT).stdout.fnmatch_lines([f"E*{complaint}*"])


def test_the_commands_leave_these_goldens_alone(
    pytester: pytest.Pytester, project: Pretend, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    own(pytester)
    run(*ACCEPT)
    project.config("one", CONFIG)
    assert project.record().code == 0
    assert main(["prune"]) == 0
    run("--goldens").assert_outcomes(passed=2)
    capsys.readouterr()


def test_values_of_text_and_mappings_and_parametrized_tests(
    pytester: pytest.Pytester, project: Pretend, run: Run
) -> None:
    pytester.makepyfile(
        test_own="""\
        import numpy as np
        import pytest

        @pytest.mark.parametrize("size", ["A", "a"])
        class TestThis:
            def test_it(self, goldens, size):
                goldens.check("one", np.full(2, ord(size)))
                goldens.check("two", np.zeros(3))
        """
    )
    run(*ACCEPT).assert_outcomes(passed=2)
    run().assert_outcomes(passed=2)
    found = [path.relative_to(pytester.path) for path in pytester.path.glob("goldens/**/*.safetensors")]
    assert len({str(path).lower() for path in found}) == 4
