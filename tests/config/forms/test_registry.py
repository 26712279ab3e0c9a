"""The forms inside a call: each is found and checked at any depth, and no other `$` is accepted."""

from __future__ import annotations

from harness.config.forms import registry


def complaints(value: object) -> list[str]:
    return [str(problem) for problem in registry.problems(value, "call.x")]


def test_forms_are_checked_at_any_depth() -> None:
    value = [{"a": {"$tuple": [1, {"$noise": {"shape": [0]}}]}}, {"$tensor": []}, {"$gradient": None}]
    assert complaints(value) == [
        ": call.x[0].a.$tuple[1].$noise.shape[0] = 0: expected a whole number greater than 0",
        ": call.x[1].$tensor = []: expected a number, or a list of numbers or of such lists",
        ": call.x[2].$gradient = null: expected a mapping with shape, dtype, as",
    ]


def test_an_unknown_form_gets_the_known_ones() -> None:
    known = "accepted: $file, $tuple, $map, $object, $noise, $gradient, $tensor, $array"
    assert complaints({"$nois": {}}) == [
        f": call.x.$nois = {{}}: unknown form; did you mean '$noise'? {known}",
    ]
    assert complaints({"a": {"$call": "f"}}) == [f': call.x.a.$call = "f": unknown form; {known}']


def test_a_form_is_the_only_key_of_its_mapping() -> None:
    assert complaints({"$noise": {"shape": [1]}, "scale": 2}) == [
        ': call.x.$noise = {"shape": [1]}: $noise must be the only key of its mapping'
    ]


def test_what_a_form_that_makes_values_holds_is_no_value() -> None:
    """A `$file` inside the numbers of a tensor is no input file, and one problem, not two."""
    value = {"$tensor": [{"$file": "a.png"}]}
    assert len(complaints(value)) == 1
    assert list(registry.files(value, "call")) == []


def test_files_are_found_in_lists_tuples_and_mappings() -> None:
    value: dict[str, object] = {
        "a": [{"$file": "a.png"}, {"$tuple": [{"$file": "b.npy"}]}],
        "c": {"$file": "no.exe"},
    }
    value["d"] = {"$file": "crowded.png", "x": 1}
    assert list(registry.files(value, "call")) == [
        ("call.a[0].$file", "a.png"),
        ("call.a[1].$tuple[0].$file", "b.npy"),
    ]
