from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from harness.worker.model_files.shards import BadIndex, misplaced, weight_map

ONE, TWO = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
MAP = {"a": ONE, "b": ONE, "c": TWO, "d": TWO}


def sharded(
    folder: Path, one: str, two: str, weights: dict[str, str] = MAP, prefix: str = "model"
) -> list[str]:
    """What is said of two shards with the tensors that `one` and `two` name by a letter each."""
    names = {ONE: ONE.replace("model", prefix), TWO: TWO.replace("model", prefix)}
    for shard, letters in ((ONE, one), (TWO, two)):
        save_file({letter: np.zeros(2, np.float32) for letter in letters}, folder / names[shard])
    index = folder / f"{prefix}.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": {k: names[v] for k, v in weights.items()}}))
    return [text.replace(prefix, "model") for text in misplaced(index)]


@pytest.mark.parametrize(
    ("one", "two"),
    # A tensor that the index does not name, and one tied to another that a converter dropped, harm nobody.
    [("ab", "cd"), ("abx", "cd"), ("ab", "c")],
)
def test_shards_that_hold_what_is_theirs(tmp_path: Path, one: str, two: str) -> None:
    assert sharded(tmp_path, one, two) == []


@pytest.mark.parametrize(
    ("one", "two", "told"),
    [
        (
            "cd",
            "ab",
            [
                f"{ONE} holds tensors of {TWO} (c, d) and lacks 2 of the 2 tensors that its index assigns to it (a, b)",
                f"{TWO} holds tensors of {ONE} (a, b) and lacks 2 of the 2 tensors that its index assigns to it (c, d)",
            ],
        ),
        (
            "ab",
            "ab",
            [
                f"{TWO} holds tensors of {ONE} (a, b) and lacks 2 of the 2 tensors that its index assigns to it (c, d)"
            ],
        ),
        ("ab", "cda", [f"{TWO} holds tensors of {ONE} (a)"]),
        ("ab", "xy", [f"{TWO} lacks 2 of the 2 tensors that its index assigns to it (c, d)"]),
    ],
)
def test_shards_that_hold_other_tensors(tmp_path: Path, one: str, two: str, told: list[str]) -> None:
    assert sharded(tmp_path, one, two) == told


def test_diffusers_ties_no_tensors_so_none_may_be_missing(tmp_path: Path) -> None:
    told = f"{TWO} lacks 1 of the 2 tensors that its index assigns to it (d)"
    assert sharded(tmp_path, "ab", "c", prefix="diffusion_pytorch_model") == [told]


def test_of_many_tensors_three_are_named(tmp_path: Path) -> None:
    weights = {**dict.fromkeys("abcde", ONE), "z": TWO}
    assert sharded(tmp_path, "abcde", "zabcde", weights) == [
        f"{TWO} holds tensors of {ONE} (a, b, c and 2 more)"
    ]


def test_a_shard_that_is_missing_or_damaged_is_for_others_to_tell(tmp_path: Path) -> None:
    sharded(tmp_path, "ab", "cd")
    (tmp_path / TWO).write_bytes(b"")
    index = tmp_path / "model.safetensors.index.json"
    assert list(misplaced(index)) == []
    (tmp_path / TWO).unlink()
    assert list(misplaced(index)) == []


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{", "is not an index of shards"),
        (b"[]", "is not an index of shards"),
        (b'{"weight_map": {"a": 1}}', "must give each tensor the name of a file"),
        (b'{"weight_map": []}', "must give each tensor the name of a file"),
        (b"<<<<<<< a\n{\n=======\n{}\n>>>>>>> b\n", "line 1: unresolved merge conflict"),
        ('{"weight_map": {}}'.encode("utf-16"), "is UTF-16 text"),
        ('{"weight_map": {}}'.encode("utf-8-sig"), "begins with a byte order mark"),
    ],
)
def test_an_index_that_cannot_be_used(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "model.safetensors.index.json"
    path.write_bytes(content)
    with pytest.raises(BadIndex, match=told):
        weight_map(path)
    [said] = misplaced(path)
    assert said.startswith(f"{path.name} ")
    assert told in said
