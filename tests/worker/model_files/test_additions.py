"""The weights that a config adds: which file is meant, from where, and what is refused before it is opened."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from harness.worker.model_files import additions
from harness.worker.model_files.additions import Wanted, find, find_model, whole
from harness.worker.model_files.hub_errors import ModelUnavailable
from harness.worker.rejection import Rejection

USUAL = "pytorch_lora_weights.safetensors"


def weights(path: Path, value: float = 1.0) -> str:
    """Write a small file; gives its sha256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"a": np.full(2, value, np.float32)}, path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_is_named_as_the_config_writes_it(tmp_path: Path) -> None:
    digest = weights(tmp_path / "loras/style.safetensors")
    found = find(Wanted("adapters[0]", "./loras/style.safetensors"), tmp_path, USUAL)
    assert (found.folder, found.weight_name, found.commit) == (tmp_path / "loras", "style.safetensors", None)
    assert {name: one.sha256 for name, one in found.files.items()} == {
        "adapters[0]: ./loras/style.safetensors": digest
    }


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["only.safetensors", "optimizer.safetensors", "README.md"], "only.safetensors"),
        (["b.safetensors", f"my_{USUAL}"], f"my_{USUAL}"),
    ],
)
def test_the_file_of_a_folder(tmp_path: Path, names: list[str], chosen: str) -> None:
    for name in names:
        weights(tmp_path / "lora" / name)
    found = find(Wanted("adapters[0]", "lora/"), tmp_path, USUAL)
    assert found.weight_name == chosen
    assert list(found.files) == [f"adapters[0]: lora/{chosen}"]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (
            ["a.safetensors", "b.safetensors"],
            "has 2 weight files; name one as `weight_name`: a.safetensors, b",
        ),
        (["a.bin"], "has its weights only as a pickle; convert it"),
        (["a.txt"], "has no .safetensors file"),
    ],
)
def test_a_folder_that_does_not_tell_is_refused(tmp_path: Path, names: list[str], words: str) -> None:
    for name in names:
        weights(tmp_path / "lora" / name)
    with pytest.raises(Rejection, match=words):
        find(Wanted("adapters[0]", "lora"), tmp_path, USUAL)


@pytest.mark.parametrize(
    ("subfolder", "name"), [("..", "a.safetensors"), ("", "../a.safetensors"), ("/etc", None)]
)
def test_paths_out_of_a_folder_are_refused(tmp_path: Path, subfolder: str, name: str | None) -> None:
    weights(tmp_path / "a.safetensors")
    weights(tmp_path / "lora/a.safetensors")
    with pytest.raises(Rejection, match="leads out of lora"):
        find(Wanted("adapters[0]", "lora", subfolder, name), tmp_path, USUAL)


def test_damaged_and_pickled_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"short")
    (tmp_path / "b.bin").write_bytes(b"pickle")
    for name, words in (("a.safetensors", "is damaged"), ("b.bin", "is not a safetensors file")):
        with pytest.raises(Rejection, match=words):
            find(Wanted("adapters[0]", name), tmp_path, USUAL)


@pytest.mark.parametrize("name", ["x.safetensors", None])
def test_what_only_the_hub_has_is_unavailable_without_it(tmp_path: Path, name: str | None) -> None:
    with pytest.raises(ModelUnavailable, match=r"^nobody/nothing: "):
        find(Wanted("adapters[0]", "nobody/nothing", weight_name=name), tmp_path, USUAL)


@pytest.mark.parametrize("name", ["./nowhere", "loras/style.safetensors", "a/b/c"])
def test_a_path_where_nothing_is_is_unavailable_and_the_hub_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for ask in ("hf_hub_download", "model_info", "snapshot_download"):
        monkeypatch.delattr(additions, ask)
    with pytest.raises(ModelUnavailable, match=r"there is no file or folder .*; put it there"):
        find(Wanted("adapters[0]", name), tmp_path, USUAL)
    with pytest.raises(ModelUnavailable, match="there is no file or folder "):
        find_model(Wanted("ip_adapters[0]", name), tmp_path, "encoder")


def test_a_file_of_the_hubs_cache_comes_with_its_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "snapshots" / ("c" * 40) / "models" / "x.safetensors"
    digest = weights(path)
    monkeypatch.setattr(additions, "hf_hub_download", lambda *_, **__: str(path))
    found = find(Wanted("ip_adapters[0]", "org/name", "models", "x.safetensors"), tmp_path, USUAL)
    assert (found.folder, found.commit) == (path.parents[1], "c" * 40)
    [(name, file)] = found.files.items()
    assert (name, file.sha256, file.commit) == (
        "ip_adapters[0]: org/name/models/x.safetensors",
        digest,
        "c" * 40,
    )


def test_a_model_with_a_pickle_only_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ip/encoder").mkdir(parents=True)
    wanted = Wanted("ip_adapters[0]", "ip")
    with pytest.raises(Rejection, match="encoder does not exist"):
        find_model(wanted, tmp_path, "encoder")
    (tmp_path / "ip/encoder/pytorch_model.bin").write_bytes(b"")
    with pytest.raises(Rejection, match="only as a pickle"):
        find_model(wanted, tmp_path, "encoder")


def test_a_models_files_are_its_configs_and_weights(tmp_path: Path) -> None:
    digest = weights(tmp_path / "ip/encoder/model.safetensors")
    (tmp_path / "ip/encoder/config.json").write_text("{}")
    (tmp_path / "ip/encoder/README.md").write_text("")
    folder, files = find_model(Wanted("ip_adapters[0]", "ip"), tmp_path, "encoder")
    assert folder == tmp_path / "ip/encoder"
    assert {name: one.sha256 for name, one in files.items()} == {
        "ip_adapters[0]: ip/encoder/config.json": hashlib.sha256(b"{}").hexdigest(),
        "ip_adapters[0]: ip/encoder/model.safetensors": digest,
    }


def test_the_files_of_a_folder_and_a_change_of_one(tmp_path: Path) -> None:
    (tmp_path / "data/deep").mkdir(parents=True)
    (tmp_path / "data/deep/a.txt").write_text("one")
    (tmp_path / "data/.hidden").write_text("")
    before = whole("before[0].call.folder", "data", tmp_path)
    assert [*before] == ["before[0].call.folder: data/deep/a.txt"]
    assert whole("k", "data/deep/a.txt", tmp_path)["k: data/deep/a.txt"] == next(iter(before.values()))
    (tmp_path / "data/deep/a.txt").write_text("other")
    assert whole("before[0].call.folder", "data", tmp_path) != before
