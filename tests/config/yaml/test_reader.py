"""Reading YAML: what plain data becomes, and the one clear problem for everything else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.config.yaml.reader import MAX_BYTES, parse, read


def complaints(text: str) -> list[str]:
    return [str(problem) for problem in parse(text, "x.yaml").problems]


def only_complaint(text: str) -> str:
    [complaint] = complaints(text)
    return complaint


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("12", 12),
        ("-3", -3),
        ("0x1F", 31),
        ("1_000", 1000),
        ("1.5", 1.5),
        ("1.0e-4", 0.0001),
        ("1e-4", 0.0001),
        ("1E5", 100000.0),
        ("-2.e3", -2000.0),
        (".5e+1", 5.0),
        ("'1e-4'", "1e-4"),
        ('"12"', "12"),
        ("yes", True),
        ("No", False),
        ("on", True),
        ("off", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("a handwritten seven", "a handwritten seven"),
        ("1e", "1e"),
        ("e5", "e5"),
        ("v1.2.3", "v1.2.3"),
        ("=", "="),
        ("<<", "<<"),
        ("!!str 12", "12"),
        ("! 12", "12"),
        ("!!float 3", 3.0),
        ("!!map {b: 1}", {"b": 1}),
        ("!!seq [1]", [1]),
        ("[1, [two, {three: 3.0}]]", [1, ["two", {"three": 3.0}]]),
        ("|\n  two\n  lines\n", "two\nlines\n"),
        (":4096:8", ":4096:8"),
    ],
)
def test_plain_data_becomes_json_values(written: str, value: object) -> None:
    document = parse(f"a: {written}", "x.yaml")
    assert document.problems == ()
    assert document.values == {"a": value}
    assert type((document.values or {})["a"]) is type(value)


def test_aliases_share_values_and_merges_let_the_nearer_key_win() -> None:
    text = "base: &b {x: 1, y: 2}\none: {<<: *b, y: 3}\ntwo: {y: 4, <<: [{x: 9}, *b]}\nname: &n seven\n? *n\n: *n\n"
    assert parse(text, "x.yaml").values == {
        "base": {"x": 1, "y": 2},
        "one": {"x": 1, "y": 3},
        "two": {"x": 9, "y": 4},
        "name": "seven",
        "seven": "seven",
    }


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "x.yaml: the file is empty; a config needs at least `pipeline` and `model`"),
        ("# nothing\n", "x.yaml: the file is empty; a config needs at least `pipeline` and `model`"),
        ("--- ~", "x.yaml: the file is empty; a config needs at least `pipeline` and `model`"),
        (
            "# list\n- a\n",
            "x.yaml: line 2: the file holds a list; expected a mapping such as `pipeline: DDIMPipeline`",
        ),
        (
            "just text",
            "x.yaml: line 1: the file holds a single value; expected a mapping such as `pipeline: DDIMPipeline`",
        ),
        (
            "a: 1\n---\nb: 2\n",
            "x.yaml: line 2: a second document begins; put each config into a file of its own",
        ),
        ("a: 1\nb: 2\na: 3\n", "x.yaml: a: line 3: the key occurs twice, first in line 1; keep one"),
        ("a:\n  b: 1\n  b: 1\n", "x.yaml: a.b: line 3: the key occurs twice, first in line 2; keep one"),
        ("1: x", "x.yaml: 1: line 1: this key reads as a number, and keys are text; quote it"),
        (
            "call: {a: {0: 1}}",
            "x.yaml: call.a.0: line 1: this key reads as a number, and keys are text; quote it, "
            "or write {$map: [[0, ...]]} if the pipeline needs a number",
        ),
        ("a: {on: 1}", "x.yaml: a.on: line 1: this key reads as true, and keys are text; quote it"),
        ("a: {~: 1}", "x.yaml: a.~: line 1: this key reads as null, and keys are text; quote it"),
        ("? [a]\n: b", "x.yaml: line 1: a key is a list or mapping; keys are text"),
        ("x: {? {a: b} : c}", "x.yaml: x: line 1: a key is a list or mapping; keys are text"),
        (
            "x: &l [a]\n? *l\n: b",
            "x.yaml: *l: line 2: this key reads as something else, and keys are text; quote it",
        ),
        ("a: &a [*a]", "x.yaml: a[0] = *a: line 1: this alias refers to itself"),
        ("a: &a {b: *a}", "x.yaml: a.b = *a: line 1: this alias refers to itself"),
        ("a: *b", "x.yaml: a = *b: line 1: this alias has no anchor &b before it"),
        ("? *b\n: 1", "x.yaml = *b: line 1: this alias has no anchor &b before it"),
        ("a: {<<: 3}", "x.yaml: a.<<: line 1: only a mapping, or a list of them, can be merged"),
        (
            "a: !!python/name:os.system x",
            "x.yaml: a = x: line 1: the tag !!python/name:os.system is not accepted; write plain YAML values",
        ),
        (
            "a: !!python/object/apply:os.system [ls]",
            "x.yaml: a = !!python/object/apply:os.system: line 1: this tag is not accepted; write plain YAML values",
        ),
        ("a: !!set {b}", "x.yaml: a = !!set: line 1: this tag is not accepted; write plain YAML values"),
        ("a: !!omap [b: 1]", "x.yaml: a = !!omap: line 1: this tag is not accepted; write plain YAML values"),
        ("a: !!str {b: 1}", "x.yaml: a = !!str: line 1: this tag is not accepted; write plain YAML values"),
        ("a: !!map 3", "x.yaml: a = 3: line 1: the tag !!map is not accepted; write plain YAML values"),
        (
            "a: !!binary aGk=",
            "x.yaml: a = aGk=: line 1: the tag !!binary is not accepted; write plain YAML values",
        ),
        ("a: 2024-01-01", "x.yaml: a = 2024-01-01: line 1: YAML reads this as a date; put it in quotes"),
        ("a: .nan", "x.yaml: a = .nan: line 1: numbers must be finite; put it in quotes if it is text"),
        (
            "a: [-.inf]",
            "x.yaml: a[0] = -.inf: line 1: numbers must be finite; put it in quotes if it is text",
        ),
        ("a: 1e999", "x.yaml: a = 1e999: line 1: numbers must be finite; put it in quotes if it is text"),
        ("a: 16:9", "x.yaml: a = 16:9: line 1: YAML reads this as a base-60 number; put it in quotes"),
        ("a: 1:30.5", "x.yaml: a = 1:30.5: line 1: YAML reads this as a base-60 number; put it in quotes"),
        (
            "a: 010",
            "x.yaml: a = 010: line 1: YAML reads this as an octal number; leave out the leading 0 "
            "or put it in quotes",
        ),
        (
            "a: 18446744073709551616",
            "x.yaml: a = 18446744073709551616: line 1: a whole number of more than 64 bits; "
            "put it in quotes if it is text",
        ),
        ("a: !!int seven", "x.yaml: a = seven: line 1: not a whole number"),
        ("a: !!float seven", "x.yaml: a = seven: line 1: not a number"),
        ("a: !!bool maybe", "x.yaml: a = maybe: line 1: neither true nor false"),
        ("a:\n\t- b", "x.yaml: line 2: a tab cannot indent YAML; use spaces"),
        ("a: b\n\tc: d", "x.yaml: line 2: a tab cannot indent YAML; use spaces"),
        ('a: "\x07"', "x.yaml: line 1: the control character U+0007 is not allowed in YAML; remove it"),
        ("a: " + "[" * 60, f"x.yaml: a{'[0]' * 19}[…: line 1: nested deeper than 50 levels"),
    ],
)
def test_everything_else_is_one_problem_with_its_line(text: str, complaint: str) -> None:
    assert only_complaint(text) == complaint


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: [1,\nb: 2", "line "),
        ("a: 'x", "line 1"),
        ("a: b: c", "line 1, column 5"),
        ("a: @x", "line 1, column 4"),
    ],
)
def test_broken_syntax_names_the_place(text: str, place: str) -> None:
    complaint = only_complaint(text)
    assert complaint.startswith(f"x.yaml: {place}")
    assert complaint.endswith("; check indentation, quotes, brackets")


def test_many_problems_are_reported_together_and_the_rest_is_read() -> None:
    document = parse("a: .nan\nb: 1\nb: 2\nc: 16:9\nd: fine\n", "x.yaml")
    assert [problem.key for problem in document.problems] == ["a", "b", "c"]
    assert document.values is not None
    assert document.values["d"] == "fine"


def test_a_surrogate_in_an_escape_is_refused() -> None:
    assert len(complaints('a: "\\ud800"')) == 1


def test_an_exploding_alias_is_refused_without_being_unfolded() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 40)]
    assert only_complaint("\n".join(lines)) == (
        "x.yaml: a4: line 5: unfolds to more than 10,000 values; use fewer aliases"
    )


def test_long_texts_that_multiply_are_refused_too() -> None:
    text = f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 100)}]"
    assert only_complaint(text) == "x.yaml: b: line 2: unfolds to more than 10,000 values; use fewer aliases"


def test_ten_thousand_values_are_still_accepted() -> None:
    # the mapping, its list and 9,998 items
    assert complaints(f"a: [{', '.join(['1'] * 9_998)}]") == []
    assert len(complaints(f"a: [{', '.join(['1'] * 9_999)}]")) == 1


def test_depth_hidden_in_aliases_is_counted() -> None:
    lines = ["a0: &a0 [x]", *(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 60))]
    assert only_complaint("\n".join(lines)) == (
        "x.yaml: a49: line 50: nested deeper than 50 levels, aliases unfolded"
    )


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_a_mebibyte_of_openings_is_refused_at_once(opening: str) -> None:
    assert "nested deeper than 50 levels" in only_complaint(opening * (MAX_BYTES // len(opening)))


def test_what_is_no_utf8_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"a: 1\nb: caf\xe9\n")
    assert [str(problem) for problem in read(path, "x.yaml").problems] == [
        "x.yaml: line 2: not UTF-8 text (byte 0xe9); save it as UTF-8"
    ]


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read(path, "x.yaml").values == {"a": 1}


def test_a_file_larger_than_a_mebibyte_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("a: 1\n" + "#" * MAX_BYTES)
    assert [str(problem) for problem in read(path, "x.yaml").problems] == [
        "x.yaml: larger than 1 MiB; keep data in input files and name them with $file"
    ]


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    problems = read(tmp_path / "gone.yaml", "gone.yaml").problems
    assert [str(problem) for problem in problems] == [
        "gone.yaml: cannot be read (No such file or directory); check the file"
    ]


def is_text_in_yaml_1_2_too(text: str) -> bool:
    """YAML 1.1 leaves numbers such as 1e5 unquoted, since it reads them as text; here they are numbers."""
    return re.fullmatch(r"[-+]?[0-9.]+[eE][-+]?[0-9]+", text) is None


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])).filter(is_text_in_yaml_1_2_too),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abc <=-1", min_size=1), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(st.dictionaries(st.text("abcdef", min_size=1), PLAIN, min_size=1, max_size=4))
def test_what_yaml_dumps_is_read_back_as_safe_load_reads_it(values: dict[str, object]) -> None:
    text = yaml.safe_dump(values, allow_unicode=True)
    document = parse(text, "x.yaml")
    assert document.problems == ()
    assert document.values == yaml.safe_load(text)


@settings(deadline=None)
@given(st.text(st.sampled_from("ab:-[]{}&*!#|>'\"%@`\n\t ,?~0129.e<")))
def test_no_text_makes_it_raise(text: str) -> None:
    document = parse(text, "x.yaml")
    assert (document.values is None) <= bool(document.problems)


def test_the_lines_of_keys_near_the_top_and_of_what_a_matrix_lists() -> None:
    text = """\
# a comment
pipeline:
  DDIMPipeline
model: {id: x}
matrix:
  seed: [0, 1]
  scheduler.class:
    - DDIMScheduler

    - &b {deep: {deeper: 1}}
    - *b
"""
    lines = parse(text, "x.yaml").lines
    assert {name: line for name, line in lines.items() if not name.startswith("matrix.")} == {
        "pipeline": 2,
        "model": 4,
        "model.id": 4,
        "matrix": 5,
    }
    assert {name: line for name, line in lines.items() if name.startswith("matrix.")} == {
        "matrix.seed": 6,
        "matrix.seed[0]": 6,
        "matrix.seed[1]": 6,
        "matrix.scheduler.class": 7,
        "matrix.scheduler.class[0]": 8,
        "matrix.scheduler.class[1]": 10,
        "matrix.scheduler.class[2]": 11,
    }
