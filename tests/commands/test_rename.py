"""`harness rename`: config, goldens and everything beside them get another name, whatever kills it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from harness.core.history import Person
from harness.golden.header import read_document
from harness.golden.sidecar import outputs_digest
from tests.golden.builders import environment
from tests.review.conftest import drifted, pretend
from tests.support.git import Repository
from tests.support.killed import killed_at, moments
from tests.support.pretend import CONFIG, VALUES, Pretend

__all__ = ["drifted", "pretend"]

WHY = ("--reason", "a fix")
BESIDE = ("calibration.json", "draft.safetensors", "rejected.json", "safetensors", "sensitivity.json")


@pytest.fixture
def full(drifted: Pretend) -> Pretend:
    """`a/one` with goldens on two platforms and, on one of them, a draft, a rejection and both measured sidecars."""
    drifted.here = environment("cuda-sm90", gpu="H100")
    drifted.harness("verify", "a/one")
    assert drifted.harness("accept", "a/one").code == 0
    drifted.here = environment()
    drifted.harness("verify", "a/one")
    assert drifted.harness("reject", "a/one", "--reason", "wrong").code == 0
    assert drifted.harness("accept", "a/one", "--draft", *WHY).code == 0
    golden = drifted.golden("a/one")
    for noun in ("calibration", "sensitivity"):
        content = {"schema": 3, "golden": outputs_digest(read_document(golden)), "case": "a/one", "é": 0.1}
        golden.with_name(f"cpu-x86_64.{noun}.json").write_text(json.dumps(content))
    return drifted


def names(project: Path, case: str) -> list[str]:
    folder = project / "goldens" / case
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


ALL = [f"cpu-x86_64.{what}" for what in BESIDE] + ["cuda-sm90.safetensors"]


def test_everything_moves_with_the_config(full: Pretend) -> None:
    before = read_document(full.golden("a/one"))
    text = (full.folder / "configs/a/one.yaml").read_text()
    ran = full.harness("rename", "a/one", "b/c/first", "--json", "r.json")
    assert ran.code == 0, ran.out + ran.err
    assert (full.folder / "configs/b/c/first.yaml").read_text() == text
    assert not (full.folder / "configs/a/one.yaml").exists()
    assert (names(full.folder, "a/one"), names(full.folder, "b/c/first")) == ([], ALL)
    document = read_document(full.golden("b/c/first"))
    assert (document.case, document.sha256, document.accepted) == (
        "b/c/first",
        before.sha256,
        before.accepted,
    )
    entry = document.history[-1]
    assert document.history[:-1] == before.history
    assert (entry.how, entry.renamed, entry.by) == ("rename", "a/one", Person("Ann", "ann@example.org"))
    beside = full.golden("b/c/first").parent
    for noun in ("calibration", "sensitivity", "rejected"):
        assert json.loads((beside / f"cpu-x86_64.{noun}.json").read_text())["case"] == "b/c/first"
    told = json.loads((full.folder / "r.json").read_text())
    assert [one["what"] for one in told["moved"]] == [
        "config",
        "golden",
        "golden",
        "calibration",
        "draft",
        "rejections",
        "sensitivity",
    ]
    assert told["moved"][0] == {
        "what": "config",
        "old": "configs/a/one.yaml",
        "new": "configs/b/c/first.yaml",
    }


def test_verdict_rejection_draft_and_history_go_on(full: Pretend) -> None:
    for noun in ("calibration", "sensitivity"):
        full.golden("a/one").with_name(f"cpu-x86_64.{noun}.json").unlink()
    assert full.harness("rename", "a/one", "first").code == 0
    full.values["first"] = full.values["a/one"]
    assert full.harness("verify", "first").code == 1
    assert full.of("first")["rejected"]["reason"] == "wrong"
    assert "waits for `harness accept --confirm`" in full.of("first")["warnings"][0]
    assert full.harness("accept", "first", "--confirm").code == 0
    assert full.harness("verify", "first").code == 0
    how = [entry.how for entry in read_document(full.golden("first")).history]
    assert how == ["record", "rename", "accept"]
    assert full.harness("prune").code == 0


def test_git_still_finds_what_was_before(drifted: Pretend) -> None:
    repository = Repository.at(drifted.folder)
    repository.commit("goldens")
    assert drifted.harness("accept", "a/one", *WHY).code == 0
    repository.commit("goldens")
    assert drifted.harness("rename", "a/one", "first").code == 0
    repository.commit("goldens")
    assert drifted.harness("diff", "first").code == 0, "a rename changes no output"
    ran = drifted.harness("diff", "first", "1", "--json", "d.json")
    assert ran.code == 1, ran.err
    [tensor] = json.loads((drifted.folder / "d.json").read_text())["tensors"]
    assert tensor["metrics"]["max_abs"] == pytest.approx(0.25)


FAMILY = CONFIG.replace("seed: 0\n", "") + "matrix: {seed: [0, 1]}\n"


def test_a_family_moves_as_a_whole(pretend: Pretend) -> None:
    pretend.config("fam", FAMILY)
    assert pretend.record().code == 0
    ran = pretend.harness("rename", "fam", "x/kin")
    assert ran.code == 0, ran.err
    assert sorted(path.name for path in (pretend.folder / "goldens/x").iterdir()) == [
        "kin@seed=0",
        "kin@seed=1",
    ]
    assert pretend.harness("verify").code == 0
    ran = pretend.harness("rename", "x/kin@seed=0", "y")
    assert ran.code == 2
    assert "x/kin@seed=0: is an entry of a matrix; rename its whole config, x/kin" in ran.err


@pytest.mark.parametrize(
    "words",
    [("configs/a/one.yaml", "b"), ("a/one", "configs/b.yaml")],
    ids=["OLD", "NEW"],
)
def test_files_are_named_as_the_shell_completes_them(drifted: Pretend, words: tuple[str, str]) -> None:
    assert drifted.harness("rename", *words).code == 0
    assert (drifted.folder / "configs/b.yaml").is_file()


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (("a/one", "b.yml"), 2, "b.yml: is not below configs; name the id of a case"),
        (("a/none", "b"), 2, "a/none: no config gives it; `harness list` shows the cases"),
        (("a/one", "a/one"), 2, "a/one: is the same name twice; give it another one"),
        (("a/one", "a/two"), 2, "configs/a/two.yaml: already there, and nothing is overwritten"),
        (("a/one", "../b"), 2, "../b: '..' cannot be a part of a case id"),
        (("a/one", "a/TWO"), 2, "differ only in what some file systems ignore"),
        (("a/one", "b@x=1"), 2, "b@x=1: is an entry of a matrix"),
        (("--goldens-only", "a/one", "b"), 2, "a/one: a config still gives it; leave out --goldens-only"),
        (("--goldens-only", "gone", "b"), 2, "b: no config gives it; rename the config first"),
        (("--goldens-only", "gone", "a/one"), 2, "gone: has nothing in goldens"),
    ],
)
def test_what_cannot_be(drifted: Pretend, words: tuple[str, ...], code: int, complaint: str) -> None:
    before = snapshot(drifted.folder)
    ran = drifted.harness("rename", *words)
    assert ran.code == code
    assert complaint in ran.err
    assert snapshot(drifted.folder) == before


def snapshot(project: Path) -> dict[str, bytes]:
    return {
        path.relative_to(project).as_posix(): path.read_bytes()
        for place in ("configs", "goldens")
        for path in (project / place).rglob("*")
        if path.is_file()
    }


def test_nothing_is_overwritten_in_the_store(drifted: Pretend) -> None:
    gone = drifted.golden("b")
    shutil.copytree(drifted.golden("a/two").parent, gone.parent)
    before = snapshot(drifted.folder)
    ran = drifted.harness("rename", "a/one", "b")
    assert ran.code == 3
    assert "goldens/b/cpu-x86_64.safetensors: already there, and nothing is overwritten" in ran.err
    gone.rename(drifted.golden("b", "mps-arm64"))
    ran = drifted.harness("rename", "a/one", "b")
    assert ran.code == 3
    assert "mps-arm64.safetensors: is of a case that is gone; `harness prune` lists it" in ran.err
    drifted.golden("b", "mps-arm64").rename(gone)
    assert snapshot(drifted.folder) == before


@pytest.mark.parametrize("what", ["pointer", "link"])
def test_a_golden_that_is_not_here_cannot_move(drifted: Pretend, what: str) -> None:
    golden = drifted.golden("a/one")
    if what == "pointer":
        golden.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    else:
        golden.rename(drifted.folder / "annexed")
        golden.symlink_to(drifted.folder / "annexed")
    ran = drifted.harness("rename", "a/one", "b")
    assert ran.code == 3
    assert ("is a Git LFS pointer" if what == "pointer" else "is a link; replace it by its file") in ran.err
    assert (drifted.folder / "configs/a/one.yaml").is_file()


WITH_FILE = CONFIG.replace("call: {", 'call: {image: {$file: "in/x.npy"}, ').replace(
    "pipeline: DDIMPipeline", "pipeline: DDIMPipeline\ntolerance: {same: exact}"
)


def test_paths_relative_to_the_config_must_lead_to_the_same(pretend: Pretend) -> None:
    import numpy as np

    inputs = pretend.folder / "configs/a/in"
    inputs.mkdir(parents=True)
    np.save(inputs / "x.npy", VALUES)
    pretend.config("a/one", WITH_FILE)
    ran = pretend.harness("list", "--device", "cpu")
    assert ran.code == 0, ran.err
    ran = pretend.harness("rename", "a/one", "b/one")
    assert ran.code == 2
    assert "configs/b/one.yaml: would name other files than configs/a/one.yaml" in ran.err
    assert '  call.image.$file = "in/x.npy"' in ran.err
    assert "copy them to the same place relative to configs/b first" in ran.err
    shutil.copytree(inputs, pretend.folder / "configs/b/in")
    np.save(pretend.folder / "configs/b/in/x.npy", VALUES * 2)
    ran = pretend.harness("rename", "a/one", "b/one")
    assert ran.code == 2
    assert "  in/x.npy: has another content in configs/b" in ran.err
    shutil.copy(inputs / "x.npy", pretend.folder / "configs/b/in/x.npy")
    assert pretend.harness("rename", "a/one", "b/one").code == 0
    assert pretend.harness("rename", "b/one", "b/two").code == 0, "in one folder, no path changes"


def test_a_model_folder_does_not_become_a_hub_id(pretend: Pretend) -> None:
    (pretend.folder / "configs/a/model").mkdir(parents=True)
    pretend.config("a/one", CONFIG.replace("builtin:ddpm-digits", "model"))
    ran = pretend.harness("rename", "a/one", "b/one")
    assert ran.code == 2
    assert "  model: no such file or folder in configs/b" in ran.err


def moved_by_hand(project: Pretend, new: str) -> None:
    target = project.folder / f"configs/{new}.yaml"
    target.parent.mkdir(parents=True, exist_ok=True)
    (project.folder / "configs/a/one.yaml").rename(target)


def test_a_config_renamed_by_hand_is_recognised_everywhere(drifted: Pretend) -> None:
    moved_by_hand(drifted, "first")
    words = "harness rename --goldens-only a/one first"
    ran = drifted.harness("list", "--device", "cpu", "--json", "l.json")
    assert "first: has the definition of a/one, whose golden no case uses" in " ".join(ran.out.split())
    assert f"    {words}\n" in ran.out
    found = {
        one["case"]: one["renamed_from"]
        for one in json.loads((drifted.folder / "l.json").read_text())["cases"]
    }
    assert found == {"a/two": "", "first": "a/one"}
    ran = drifted.harness("prune")
    assert ran.code == 1
    assert (
        f"a/one: has the definition of first, which has no golden; if the case was renamed, move its golden "
        f"along: {words}" in " ".join(ran.out.split())
    )
    assert drifted.harness("prune", "--delete").code == 2, "it is not deleted without a confirmation"
    assert drifted.harness("verify", "first").code == 1
    steps = drifted.of("first")["next_steps"]
    assert [step["argv"] for step in steps] == [words.split(), ["harness", "record", "first"]]
    ran = drifted.harness(*words.split()[1:])
    assert ran.code == 0, ran.err
    assert drifted.harness("verify", "first").code == 0
    assert read_document(drifted.golden("first")).history[-1].renamed == "a/one"
    assert drifted.harness("prune").code == 0


def test_a_family_renamed_by_hand_is_one_offer(pretend: Pretend) -> None:
    pretend.config("fam", FAMILY)
    assert pretend.record().code == 0
    (pretend.folder / "configs/fam.yaml").rename(pretend.folder / "configs/kin.yaml")
    ran = pretend.harness("list", "--device", "cpu")
    assert ran.out.count("harness rename --goldens-only fam kin") == 1
    assert pretend.harness("rename", "--goldens-only", "fam", "kin").code == 0
    assert pretend.harness("verify").code == 0


def test_a_matrix_taken_away(pretend: Pretend) -> None:
    pretend.config("fam", FAMILY)
    assert pretend.record().code == 0
    pretend.config("fam", CONFIG)
    assert "harness rename --goldens-only fam@seed=0 fam\n" in pretend.harness("list", "--device", "cpu").out
    assert pretend.harness("rename", "--goldens-only", "fam@seed=0", "fam").code == 0
    assert pretend.harness("verify").code == 0


def test_another_definition_is_not_offered_but_may_keep_its_history(drifted: Pretend) -> None:
    moved_by_hand(drifted, "first")
    drifted.config("first", CONFIG.replace("steps: 2", "steps: 3"))
    assert "rename" not in drifted.harness("list", "--device", "cpu").out
    ran = drifted.harness("rename", "--goldens-only", "a/one", "first")
    assert ran.code == 0
    assert "note: first: its golden is of a different definition; record it again" in " ".join(
        ran.out.split()
    )
    assert drifted.record("first", "--update").code == 0
    assert [entry.how for entry in read_document(drifted.golden("first")).history] == [
        "record",
        "rename",
        "record",
    ]


def test_a_broken_config_hides_no_golden_as_gone(drifted: Pretend) -> None:
    drifted.config("first", (drifted.folder / "configs/a/one.yaml").read_text())
    drifted.config("a/one", "pipeline: [")
    assert "rename" not in drifted.harness("list", "--device", "cpu").out


@pytest.mark.parametrize(
    "words", [("a/one", "b/first"), ("--goldens-only", "a/one", "b/first")], ids=["all", "goldens"]
)
def test_a_kill_at_any_moment_loses_nothing(full: Pretend, tmp_path: Path, words: tuple[str, ...]) -> None:
    """Every change to the file system is a moment; whatever is left, the same command completes it."""
    if "--goldens-only" in words:
        moved_by_hand(full, "b/first")
    sums = {one: read_document(full.golden("a/one", one)).sha256 for one in ("cpu-x86_64", "cuda-sm90")}
    for moment in moments():
        copy = tmp_path / "copies" / str(moment)
        shutil.copytree(full.folder, copy, ignore=shutil.ignore_patterns("copies"))
        if not killed_at(moment, copy, "rename", *words):
            break
        configs = [path for path in (copy / "configs").rglob("*.yaml") if path.stem != "two"]
        assert len(configs) == 1
        case = configs[0].relative_to(copy / "configs").with_suffix("").as_posix()
        if "--goldens-only" not in words:
            assert [name for name in names(copy, case) if not name.startswith(".harness")] == ALL, (
                "the config always has all that belongs to it"
            )
        for platform in sums:
            old, new = (Pretend(copy).golden(name, platform) for name in ("a/one", "b/first"))
            assert any(read_document(path).sha256 == sums[platform] for path in (old, new) if path.exists())
        if names(copy, "a/one"):
            assert Pretend(copy).harness("rename", *words).code == 0
        assert (names(copy, "a/one"), [*names(copy, "b/first")]) == ([], ALL)
        assert len(read_document(Pretend(copy).golden("b/first")).history) == 2, "the rename is told once"
    assert moment > 10
    assert names(copy, "b/first") == ALL


def test_other_folders_and_quietly(drifted: Pretend) -> None:
    for name in ("configs", "goldens"):
        (drifted.folder / name).rename(drifted.folder / f"{name}2")
    places = ("--configs", "configs2", "--goldens", "goldens2", "--root", str(drifted.folder))
    (drifted.folder / "configs").mkdir()
    (drifted.folder / "goldens").mkdir()
    assert drifted.harness("rename", "a/one", "b").code == 2
    loud = drifted.harness("rename", "a/one", "b", *places)
    hushed = drifted.harness("rename", "b", "c", *places, "--quiet")
    assert (loud.code, hushed.code) == (0, 0), loud.err + hushed.err
    assert hushed.out == "renamed b to c: 2 files\n"
    assert len(loud.out) > len(hushed.out)
    assert (drifted.folder / "goldens2/c/cpu-x86_64.safetensors").is_file()
