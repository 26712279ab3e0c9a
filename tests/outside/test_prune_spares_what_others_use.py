"""`prune` says what is obsolete with an exit code, and deletes no more than what was meant."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.support.pretend import Pretend, pretend

__all__ = ["pretend"]

NAMES = ("ddim/one", "ddim/two", "sd/image", "sd/latents", "plain")
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12345\n"


@pytest.fixture
def store(pretend: Pretend) -> Pretend:
    """Five recorded cases, one with files beside its golden."""
    for name in NAMES:
        pretend.config(name)
    assert pretend.record().code == 0
    for kind in ("calibration", "sensitivity"):
        pretend.golden("ddim/two").with_name(f"cpu-x86_64.{kind}.json").write_text("{}")
    return pretend


def files(project: Pretend) -> set[str]:
    root = project.folder / "goldens"
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir()}


def gone(project: Pretend, *names: str) -> None:
    for name in names:
        (project.folder / "configs" / f"{name}.yaml").unlink()


def told(text: str) -> str:
    return " ".join(text.split())


def test_nothing_obsolete_is_exit_code_0(store: Pretend) -> None:
    ran = store.harness("prune")
    assert (ran.code, "every golden belongs to a case" in ran.out) == (0, True)
    assert store.harness("prune", "--delete").code == 0


def test_a_listing_fails_says_the_share_and_deletes_nothing(store: Pretend) -> None:
    gone(store, "ddim/two")
    before = files(store)
    ran = store.harness("prune", "--json", "pruned.json")
    assert ran.code == 1
    assert "goldens/ddim/two/cpu-x86_64.safetensors" in ran.out
    assert "obsolete: 3 of 7 files" in told(ran.out)
    assert "harness prune --delete" in ran.out
    assert files(store) == before
    pruned = json.loads((store.folder / "pruned.json").read_text())
    assert (pruned["schema"], pruned["deleted"]) == (1, False)
    assert pruned["store"]["files"] == 7
    assert pruned["store"]["bytes"] == sum(
        path.stat().st_size for path in (store.folder / "goldens").rglob("*.*")
    )
    assert [Path(one["path"]).name for one in pruned["obsolete"]] == [
        "cpu-x86_64.calibration.json",
        "cpu-x86_64.safetensors",
        "cpu-x86_64.sensitivity.json",
    ]
    golden = pruned["obsolete"][1]
    assert (golden["case"], golden["platform"]) == ("ddim/two", "cpu-x86_64")
    assert golden["bytes"] == store.golden("ddim/two").stat().st_size
    assert golden["reason"] == "no config gives the case ddim/two"


def test_delete_takes_the_golden_with_what_lies_beside_it(store: Pretend) -> None:
    gone(store, "ddim/two")
    ran = store.harness("prune", "--delete", "--json", "pruned.json")
    assert ran.code == 0, ran.out + ran.err
    assert files(store) == {f"{name}/cpu-x86_64.safetensors" for name in NAMES if name != "ddim/two"}
    assert not store.golden("ddim/two").parent.exists()
    assert json.loads((store.folder / "pruned.json").read_text())["deleted"] is True
    assert store.harness("prune").code == 0


@pytest.mark.parametrize("part", ["configs/ddim", "configs/sd/../ddim", "{absolute}"])
def test_configs_that_name_a_part(store: Pretend, part: str) -> None:
    part = part.format(absolute=store.folder / "configs/ddim")
    before = files(store)
    ran = store.harness("prune", "--delete", "--configs", part)
    assert ran.code == 2
    assert "nothing was deleted" in ran.err
    assert "outside the folder of the loaded configs" in told(ran.err)
    assert "--all" in ran.err
    assert files(store) == before


@pytest.mark.parametrize("selected", ["ddim/one", "plain", "sd/image"])
def test_a_part_and_a_selection_below_half_of_the_store(store: Pretend, selected: str) -> None:
    """Few files, but other configs use them."""
    before = files(store)
    ran = store.harness("prune", selected, "--delete", "--configs", "configs/ddim")
    assert (ran.code, files(store)) == (2, before)
    assert "outside the folder of the loaded configs" in told(ran.err)


def test_other_configs_of_the_same_store(store: Pretend) -> None:
    """A second folder of configs whose goldens lie in the same store."""
    shutil.move(store.folder / "configs/sd", store.folder / "more/sd")
    before = files(store)
    ran = store.harness("prune", "--delete")
    assert (ran.code, files(store)) == (2, before)
    assert "sd/image, sd/latents: outside the folder" in told(ran.err)


def test_more_than_half_needs_all(store: Pretend) -> None:
    gone(store, "ddim/two", "sd/image", "plain")
    before = files(store)
    ran = store.harness("prune", "--delete")
    assert (ran.code, files(store)) == (2, before)
    assert "3 of 5 goldens are more than half of the store" in told(ran.err)
    assert store.harness("prune", "--delete", "--all").code == 0
    assert files(store) == {"ddim/one/cpu-x86_64.safetensors", "sd/latents/cpu-x86_64.safetensors"}


def test_half_of_the_store_may_go(pretend: Pretend) -> None:
    for name in ("a", "b"):
        pretend.config(name)
    pretend.record()
    gone(pretend, "b")
    assert pretend.harness("prune", "--delete").code == 0
    assert files(pretend) == {"a/cpu-x86_64.safetensors"}


def test_a_selection_is_matched_against_the_goldens(store: Pretend) -> None:
    gone(store, "ddim/two", "sd/image")
    assert store.harness("prune", "ddim/one").code == 0
    assert store.harness("prune", "sd/*", "--delete").code == 0
    left = files(store)
    assert "sd/image/cpu-x86_64.safetensors" not in left
    assert "ddim/two/cpu-x86_64.safetensors" in left
    assert store.harness("prune", "!ddim/*").code == 0
    assert store.harness("prune").code == 1


@pytest.mark.parametrize("pattern", ["nothing/like/this", "tag:smoke"])
def test_a_selection_of_nothing_is_bad_usage(store: Pretend, pattern: str) -> None:
    gone(store, "ddim/two")
    before = files(store)
    ran = store.harness("prune", pattern, "--delete")
    assert (ran.code, files(store)) == (2, before)
    assert pattern in ran.err


@pytest.mark.parametrize("content", [POINTER.encode(), b"", b"\x10\0\0\0\0\0\0\0{}"])
def test_damaged_goldens_of_cases_that_are_gone(store: Pretend, content: bytes) -> None:
    gone(store, "plain")
    store.golden("plain").write_bytes(content)
    ran = store.harness("prune")
    assert ran.code == 1
    assert "goldens/plain/cpu-x86_64.safetensors" in ran.out
    assert store.harness("prune", "--delete").code == 0
    assert not store.golden("plain").exists()


def test_a_damaged_golden_of_a_case_that_is_there_stays(store: Pretend) -> None:
    store.golden("plain").write_bytes(b"")
    assert store.harness("prune", "--delete").code == 0
    assert store.golden("plain").exists()


def test_files_of_others_and_links_stay(store: Pretend) -> None:
    folder = store.golden("plain").parent
    save_file({"weight": np.zeros(3)}, folder / "cpu-aarch64.safetensors")
    (folder / "weights.safetensors").write_bytes(b"a model of somebody")
    (folder / "notes.txt").write_text("mine")
    (folder / "cuda-sm90.safetensors").symlink_to(store.golden("sd/image"))
    elsewhere = store.folder / "elsewhere/deep"
    elsewhere.mkdir(parents=True)
    shutil.copy(store.golden("plain"), elsewhere)
    (store.folder / "goldens/linked").symlink_to(elsewhere.parent)
    gone(store, "plain")
    before = files(store)
    assert store.harness("prune", "--delete").code == 0
    assert files(store) == before - {"plain/cpu-x86_64.safetensors"}
    assert list(elsewhere.iterdir())
    assert store.golden("sd/image").exists()


@pytest.mark.parametrize("trouble", ["missing", "empty", "a file", "broken"])
def test_configs_that_cannot_be_loaded_delete_nothing(store: Pretend, trouble: str) -> None:
    configs = store.folder / "configs"
    if trouble == "broken":
        (configs / "plain.yaml").write_text("pipeline: [")
    else:
        shutil.rmtree(configs)
    if trouble == "empty":
        configs.mkdir()
    if trouble == "a file":
        configs.write_text("")
    before = files(store)
    ran = store.harness("prune", "--delete", "--all")
    assert (ran.code, files(store)) == (2, before)
    assert ran.err.startswith("error: ")


def test_what_lies_beside_no_golden(store: Pretend) -> None:
    store.golden("ddim/two").unlink()
    ran = store.harness("prune")
    assert ran.code == 1
    assert "its golden cpu-x86_64.safetensors does not exist" in ran.out
    assert store.harness("prune", "--delete").code == 0
    assert not any("ddim/two" in name for name in files(store))
    assert not os.path.lexists(store.folder / "goldens/ddim/two")


def test_a_store_that_is_not_there_holds_nothing(store: Pretend) -> None:
    assert store.harness("prune", "--goldens", "nowhere").code == 0


def test_a_file_in_the_place_of_the_goldens_folder_is_a_wrong_argument(store: Pretend) -> None:
    ran = store.harness("prune", "--goldens", "configs/plain.yaml")
    assert (ran.code, "is not a folder" in ran.err) == (2, True), ran.err
