"""What the errors say."""

from __future__ import annotations

from harness.errors import ConfigError, HarnessError, Problem, UsageError


def test_a_problem_names_file_key_value_and_what_is_accepted() -> None:
    assert str(Problem("a.yaml", "steps", "0", "expected more")) == "a.yaml: steps = 0: expected more"
    assert str(Problem("a.yaml", "", None, "is empty")) == "a.yaml: is empty"


def test_a_config_error_lists_every_problem() -> None:
    error = ConfigError([Problem("a.yaml", "x", None, "unknown"), Problem("b.yaml", "", None, "is empty")])
    assert str(error).splitlines() == [
        "2 problems in the configs; fix the files and run the command again:",
        "  a.yaml: x: unknown",
        "  b.yaml: is empty",
    ]


def test_exit_codes() -> None:
    assert (HarnessError.exit_code, UsageError.exit_code, ConfigError([]).exit_code) == (3, 2, 2)
