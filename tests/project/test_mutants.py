"""The mutants of our own code can be planted, and the tests that are to kill them are there."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from scripts.mutants import Mutant, main, mutants

ALL = mutants()


def test_there_are_enough_of_them_each_with_a_name_of_its_own() -> None:
    assert len(ALL) >= 30
    assert [name for name, count in Counter(one.name for one in ALL).items() if count > 1] == []


@pytest.mark.parametrize("mutant", ALL, ids=lambda mutant: mutant.name)
def test_its_text_stands_once_in_the_code_and_its_tests_exist(mutant: Mutant, repo_root: Path) -> None:
    assert mutant.obstacle(repo_root) == ""
    assert mutant.tests
    missing = [test for test in mutant.tests if not (repo_root / test.partition("::")[0]).is_file()]
    assert missing == []


def test_what_is_planted_compiles_and_is_taken_out_again(tmp_path: Path, repo_root: Path) -> None:
    for mutant in ALL:
        path = tmp_path / mutant.file
        path.parent.mkdir(parents=True, exist_ok=True)
        text = (repo_root / mutant.file).read_text(encoding="utf-8")
        path.write_text(text, encoding="utf-8")
        with mutant.planted(tmp_path):
            assert path.read_text(encoding="utf-8") != text
            compile(path.read_text(encoding="utf-8"), mutant.file, "exec")
        assert path.read_text(encoding="utf-8") == text


def test_a_mutant_that_does_not_apply_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = Mutant("gone", "nothing", "harness/files.py", "no such text", "", ("tests/test_files.py",))
    monkeypatch.setattr("scripts.mutants.mutants", lambda: (gone,))
    assert main([]) == 2
    assert capsys.readouterr().err == (
        "gone: does not apply (harness/files.py: 'no such text' stands there 0 times); edit mutants.toml\n"
    )


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "nobody"]) == 2
    assert capsys.readouterr().err == "nobody: no such mutant; --list names them all\n"
