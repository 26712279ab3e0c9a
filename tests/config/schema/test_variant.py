"""The keys that set up a pipeline: names, words and defaults."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from harness.config.schema import variant


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (variant.AdapterName, ["style", "adapter-1", "2_x"], ["", "-a", "a.b", "a b"]),
        (variant.Token, ["<toy>", "sks"], ["", "a toy", "a\n"]),
        (variant.Method, ["invert", "enable_freeu"], ["_encode", "__call__", "2x", "vae.decode"]),
    ],
)
def test_names(kind: Any, good: list[str], bad: list[str]) -> None:
    check = TypeAdapter(kind)
    assert [check.validate_python(name) for name in good] == good
    for name in bad:
        with pytest.raises(ValidationError):
            check.validate_python(name)


def test_nothing_is_switched_on_by_itself() -> None:
    assert variant.MemorySwitches().model_dump() == {
        "offload": "none",
        "attention_slicing": None,
        "vae_slicing": False,
        "vae_tiling": False,
    }


@pytest.mark.parametrize("size", ["auto", "max", 1])
def test_sizes_of_attention_slices(size: object) -> None:
    assert variant.MemorySwitches.model_validate({"attention_slicing": size}).attention_slicing == size


@pytest.mark.parametrize("size", ["some", 0, True, 1.5])
def test_what_is_no_size_of_attention_slices(size: object) -> None:
    with pytest.raises(ValidationError):
        variant.MemorySwitches.model_validate({"attention_slicing": size})


def test_an_adapter_of_any_scale() -> None:
    for scale in (0.0, -0.5, 2):
        assert variant.Adapter.model_validate({"id": "a", "scale": scale}).scale == scale
    with pytest.raises(ValidationError):
        variant.Adapter.model_validate({"id": "a", "scale": float("inf")})
