"""Which tests prove that an option has an effect, where that takes more than a small project: by file, then command."""

from __future__ import annotations

from collections.abc import Mapping

BY_FILE: Mapping[str, Mapping[str, str]] = {
    "tests/commands/test_accept.py": {
        "record": "--reason",
        "accept": "--reason --from",
    },
    "tests/commands/test_accept_draft.py": {
        "accept": "--draft --confirm",
    },
    "tests/commands/test_accept_interactive.py": {
        "accept": "--interactive",
    },
    "tests/commands/test_diff.py": {
        "diff": "CASE N M --platform --root --goldens --quiet --json",
    },
    "tests/commands/test_rename.py": {
        "rename": "OLD NEW --goldens-only --root --configs --goldens --quiet --json",
    },
    "tests/commands/test_nightly.py": {
        "nightly": "SELECT --root --configs --goldens --device --jobs --relation --allow-missing --strict --forced "
        "--history --nights --keep --notify --always --issue-label --issue-assignee --markdown "
        "--no-annotations --json --quiet",
    },
    "tests/commands/test_history.py": {
        "history": "CASE --since --history --root --json --quiet",
    },
    "tests/commands/test_reject.py": {
        "reject": "--reason --from",
    },
    "tests/commands/test_verify_with.py": {
        "verify": "--with --or-with --with-lock --with-date --with-matrix --installer --allow-sdist --yes",
    },
    "tests/commands/test_blame.py": {
        "blame": "--good --bad --since --bitwise --min-rel-l2 --all-changes --installer --allow-sdist --yes",
    },
    "tests/upgrade/blame/test_commission.py": {
        "blame": "SELECT --configs --goldens --out --device --jobs --json --quiet",
    },
    "tests/commands/test_init.py": {
        "init": "--pipeline --ci --quiet",
    },
    "tests/commands/test_doctor.py": {
        "doctor": "--configs --device",
    },
    "tests/support/faults/rig.py": {
        "explain": "--deep",
    },
    "tests/commands/test_sensitivity.py": {
        "sensitivity": "--no-ladder",
    },
    "tests/commands/test_stored_mutation.py": {
        "sensitivity": "--stored",
    },
    "tests/commands/test_env_portable.py": {
        "env": "--portable --all",
    },
    "tests/commands/test_env_environments.py": {
        "env": "--environments --prune",
    },
}
"""The options of each command, separated by spaces."""

PROVEN = {
    (command, option): file
    for file, commands in BY_FILE.items()
    for command, options in commands.items()
    for option in options.split()
}
