from __future__ import annotations

import jsonschema
import pytest

from harness.config.forms import registry
from harness.config.forms.objects import MAP, OBJECT

PAIRS = "expected a list of pairs [key, value], each key a number, a text, true or false"
OBJECTS = "expected a mapping with `class`, one of diffusers' dataclasses, and its fields"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"$map": [[0, 0.5], ["0", {"$noise": {"shape": [1]}}], [1.5, None], [False, 1]]}, []),
        ({"$map": {"a": 1}}, [f': x.$map = {{"a": 1}}: {PAIRS}']),
        ({"$map": [[0], [None, 1]]}, [f": x.$map[0] = [0]: {PAIRS}", f": x.$map[1] = [null, 1]: {PAIRS}"]),
        ({"$map": [[0, 1], [0, 2]]}, [": x.$map[1] = [0, 2]: the key occurs twice; keep one"]),
        ({"$object": {"class": "LTXVideoCondition", "image": {"$file": "a.png"}, "frame_index": 0}}, []),
        ({"$object": {"image": 1}}, [f": x.$object.class: missing; {OBJECTS}"]),
        ({"$object": "LTXVideoCondition"}, [f': x.$object = "LTXVideoCondition": {OBJECTS}']),
        (
            {"$object": {"class": "os.system"}},
            [': x.$object.class = "os.system": expected the name of a class'],
        ),
    ],
)
def test_what_is_accepted(value: object, told: list[str]) -> None:
    assert [str(problem) for problem in registry.problems(value, "x")] == told


def test_forms_and_files_inside_are_found() -> None:
    value = {
        "a": {"$map": [[0, {"$file": "a.png"}]]},
        "b": {"$object": {"class": "C", "image": {"$file": "b.png"}, "x": {"$nois": 1}}},
    }
    assert list(registry.files(value, "call")) == [
        ("call.a.$map[0][1].$file", "a.png"),
        ("call.b.$object.image.$file", "b.png"),
    ]
    [problem] = registry.problems(value, "call")
    assert str(problem).startswith(": call.b.$object.x.$nois = 1: unknown form")


def test_the_schemas_say_the_same() -> None:
    whole = {"$defs": {"value": {}}, "anyOf": [MAP.schema()]}
    jsonschema.validate([[0, 1], ["a", {}]], whole)
    for wrong in ({"a": 1}, [[0]], [[None, 1]]):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, whole)
    described = {"$defs": {"value": {}}, "anyOf": [OBJECT.schema()]}
    jsonschema.validate({"class": "A", "b": 1}, described)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"b": 1}, described)
