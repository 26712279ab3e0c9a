"""The kinds of text and number that configs are made of: what each accepts at its edges."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from harness.config import fields

EDGES: list[tuple[Any, list[object], list[object]]] = [
    (fields.Name, ["unet", "_x", "text_encoder_2"], ["", "2unet", "a-b", "a b", 3, None]),
    (fields.Tag, ["smoke", "2fast", "cross-hardware"], ["", "-a", "Smoke", "a_b"]),
    (fields.MatrixKey, ["seed", "scheduler.class", "model.dtype.vae"], ["", ".a", "a.", "a..b", "$file"]),
    (fields.Filled, ["a", " ", "ä"], ["", "a\0b", 1]),
    (fields.WeightFile, ["a.safetensors", "x/y.safetensors"], [".safetensors", "a.bin", "a.safetensors.gz"]),
    (fields.Positive, [1, 10**9], [0, -1]),
    (fields.Limit, [0, 1e-30, 5], [-1e-30, -1]),
    (fields.Seed, [0, 2**64 - 1], [-1, 2**64]),
    (fields.Dtype, ["float32", "bfloat16"], ["int8", "torch.float32", None]),
    (fields.SomeNames, [["unet"]], [[], ["a b"], "unet"]),
]


@pytest.mark.parametrize(("kind", "good", "bad"), EDGES)
def test_what_is_accepted_at_the_edges(kind: Any, good: list[object], bad: list[object]) -> None:
    check = TypeAdapter(kind)
    assert [check.validate_python(value) for value in good] == good
    for value in bad:
        with pytest.raises(ValidationError):
            check.validate_python(value)


def test_a_strict_mapping_takes_only_its_keys_with_the_exact_type_and_is_frozen() -> None:
    class Size(fields.Strict):
        width: float

    assert Size.model_validate({"width": 0.5}).width == 0.5
    for values in ({"width": "1"}, {"width": 1.0, "height": 1.0}, {"width": float("nan")}, {}):
        with pytest.raises(ValidationError):
            Size.model_validate(values)
    with pytest.raises(ValidationError):
        Size(width=1.0).width = 2.0  # type: ignore[misc]
