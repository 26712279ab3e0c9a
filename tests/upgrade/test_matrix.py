"""Matrix files: the candidates in them, and everything that is wrong with one, with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.upgrade.matrix import MOST, specs_in


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "matrix.yaml"


def test_of_a_mapping_all_combinations_are_tried(file: Path) -> None:
    file.write_text("diffusers: [0.40, 0.43.0]\ntransformers:\n- '>=5.1,<6'\n- ==5.24.0\nnumpy: 2.4\n")
    assert specs_in(file) == (
        ("diffusers==0.40", "transformers>=5.1,<6", "numpy==2.4"),
        ("diffusers==0.40", "transformers==5.24.0", "numpy==2.4"),
        ("diffusers==0.43.0", "transformers>=5.1,<6", "numpy==2.4"),
        ("diffusers==0.43.0", "transformers==5.24.0", "numpy==2.4"),
    )


def test_of_a_list_each_entry_is_a_candidate(file: Path) -> None:
    file.write_text("- [diffusers==0.43.0, numpy==2.4]\n- [torch<3]\n")
    assert specs_in(file) == (("diffusers==0.43.0", "numpy==2.4"), ("torch<3",))


def test_a_folder_is_relative_to_the_file_and_an_address_stays(file: Path) -> None:
    (file.parent / "mine").mkdir()
    (file.parent / "mine/pyproject.toml").touch()
    file.write_text("diffusers: [./mine, git+https://h.example/d@main]\n")
    assert specs_in(file) == ((str(file.parent / "mine"),), ("git+https://h.example/d@main",))


def test_everything_that_is_wrong_is_named_with_its_line(file: Path) -> None:
    file.write_text(
        "diffusers: [0.43.0, '=1', 0.43.0, null, {}]\n"
        "not a name: [1]\n"
        "Diffusers: [1]\n"
        "numpy: []\n"
        "torch: ~\n"
        "? [x]\n"
        ": 1\n"
        "numpy==2: [1]\n"
    )
    with pytest.raises(UsageError) as refused:
        specs_in(file)
    head, *problems = str(refused.value).splitlines()
    assert head == f"--with-matrix {file}: 10 problems; fix the file:"
    assert problems.pop(0).startswith("  line 1: diffusers=1: no requirement (")
    assert problems == [
        "  line 1: '0.43.0' occurs twice, first in line 1; keep one",
        "  line 1: 'null' is not a version of diffusers",
        "  line 1: this is not a version of diffusers",
        "  line 2: 'not a name' is no name of a package",
        "  line 3: 'Diffusers' occurs twice, first in line 1; keep one",
        "  line 4: this numpy has no version; give at least one, or leave numpy out",
        "  line 5: '~' is not a version of torch",
        "  line 6: this is no name of a package",
        "  line 8: 'numpy==2' is no name of a package",
    ]


def test_so_it_is_with_a_list(file: Path) -> None:
    file.write_text("- [a==1]\n- a==1\n-\n- []\n- [a==1]\n- [b=1]\n- [./nowhere]\n")
    with pytest.raises(UsageError) as refused:
        specs_in(file)
    problems = [
        line.partition("; give")[0].partition(" (")[0] for line in str(refused.value).splitlines()[1:]
    ]
    wanted = "is no list of requirements, such as [diffusers==0.43.0, numpy==2.4]"
    assert problems == [
        f"  line 2: 'a==1' {wanted}",
        f"  line 3: '' {wanted}",
        f"  line 4: this {wanted}",
        "  line 6: b=1: no requirement",
        f"  line 7: {file.parent / 'nowhere'}: no folder of sources",
        "  line 5: this occurs twice, first in line 1; keep one",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "line 1: names no versions; write a mapping"),
        ("# nothing\n", "line 1: names no versions"),
        ("{}", "line 1: names no versions"),
        ("\n\n[]", "line 3: names no versions"),
        ("diffusers==0.43.0", "line 1: names no versions"),
        ("diffusers: [0.43.0\nnumpy: 1", "line 2: not YAML"),
        ("a: 1\n--- \nb: 2", "line 2: not YAML"),
        ("[" * 5000, "not YAML"),
        ("a: " + "x" * 2_000_000, "larger than 1 MiB"),
    ],
    ids=["empty", "comment", "no-package", "no-candidate", "text", "syntax", "two", "deep", "large"],
)
def test_what_is_no_matrix_is_told_what_one_is(file: Path, text: str, says: str) -> None:
    file.write_text(text)
    with pytest.raises(UsageError, match=f"^--with-matrix {file}") as refused:
        specs_in(file)
    assert says in str(refused.value)
    assert "write a mapping from packages to lists of versions" in str(refused.value)


def test_bytes_that_are_no_text_and_a_file_that_is_not_there(file: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        specs_in(file)
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not YAML"):
        specs_in(file)


def test_so_many_are_a_mistake(file: Path) -> None:
    file.write_text(f"a: {list(range(8))}\nb: {list(range(MOST // 8))}\n")
    assert len(specs_in(file)) == MOST
    file.write_text(f"a: {list(range(8))}\nb: {list(range(MOST // 8 + 1))}\n")
    with pytest.raises(
        UsageError, match=f"line 1: gives {MOST + 8} candidates, and at most {MOST} are tried"
    ):
        specs_in(file)
    file.write_text("".join(f"- [a=={number}]\n" for number in range(MOST + 1)))
    with pytest.raises(UsageError, match=f"gives {MOST + 1} candidates"):
        specs_in(file)
