"""One config with a problem, or one model that does not exist, stops nothing but its own cases."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from harness.cli import main
from tests.support import workers
from tests.support.project import TWO_STEPS, Project

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A sound case, tagged smoke, in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "goldens").mkdir()
    project = Project(tmp_path)
    project.config("ddim/sound", TWO_STEPS + "tags: [smoke]\n")
    return project


SOUND = "pipeline: DDIMPipeline\nmodel: {id: 'builtin:ddpm-digits'}\nsteps: 2\n"

BROKEN = {
    "a bad value": SOUND + "seed: -1\n",
    "an unknown key": SOUND + "sheduler: {class: DDIMScheduler}\n",
    "an unknown pipeline": SOUND.replace("DDIMPipeline", "NoSuchPipeline"),
    "no such built-in model": SOUND.replace("ddpm-digits", "digits"),
    "a missing input file": SOUND + "call: {image: {$file: gone.png}}\n",
    "not YAML": SOUND + "call: [\n",
    "no mapping": "- a\n",
    "empty": "",
    "a wrong matrix": SOUND + "matrix: {seed: []}\n",
    "a bad entry of a matrix": SOUND + "matrix: {seed: [0, -1]}\n",
    "not UTF-8": SOUND + "call: {prompt: \udcff}\n",
}


def write(project: Project, name: str, text: str) -> None:
    path = project.config(name, "")
    path.write_bytes(text.encode("utf-8", "surrogateescape"))


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.parametrize("select", ["ddim/sound", "ddim/*", "tag:smoke", "!other/*", "!other/broken"])
def test_what_is_not_selected_is_a_warning(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: Captured, text: str, select: str
) -> None:
    write(project, "other/broken", text)
    ran = workers.install(monkeypatch)
    assert main(["record", "--no-gates", select]) == 0
    assert ran.cases() == {"ddim/sound"}
    assert capsys.readouterr().err == (
        "warning: 1 config outside the selection has problems: configs/other/broken.yaml; "
        "`harness list` shows them\n"
    )


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.parametrize(
    "select", [[], ["other/broken"], ["other/*"], ["!tag:smoke"], ["ddim/*", "*broken*"]]
)
def test_what_is_selected_is_an_error_before_anything_runs(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: Captured, text: str, select: list[str]
) -> None:
    write(project, "other/broken", text)
    ran = workers.install(monkeypatch)
    assert main(["verify", *select]) == 2
    assert ran.cases() == set()
    err = capsys.readouterr().err
    assert err.startswith("error: 1 problem in the configs; ") or " problems in the configs; " in err
    assert "\n  configs/other/broken.yaml: " in err


def test_all_problems_of_the_selection_are_listed_and_the_others_gathered(
    project: Project, capsys: Captured
) -> None:
    for name in ("ddim/a", "ddim/b", "sd/c", "sd/d", "sd/e"):
        project.config(name, SOUND + "seed: -1\nsteps: -1\n")
    assert main(["verify", "ddim/*"]) == 2
    err = capsys.readouterr().err
    assert err.count("configs/ddim/a.yaml: ") == err.count("configs/ddim/b.yaml: ") == 2
    assert "configs/sd" not in err
    assert main(["list", "ddim/sound"]) == 0
    [line] = capsys.readouterr().err.splitlines()
    assert line == (
        "warning: 5 configs outside the selection have problems: configs/ddim/a.yaml, configs/ddim/b.yaml, "
        "configs/sd/c.yaml, configs/sd/d.yaml, configs/sd/e.yaml; `harness list` shows them"
    )


def test_a_tag_that_a_broken_file_states_selects_it(project: Project, capsys: Captured) -> None:
    for text in (SOUND + "tags: [smoke]\nseed: -1\n", SOUND + "tags: [smoke]\ncall: [\n"):
        project.config("other", text)
        assert main(["list", "tag:smoke"]) == 2, text
        assert "configs/other.yaml: " in capsys.readouterr().err
        assert main(["list", "!tag:smoke", "other"]) == 2  # nothing is left
        capsys.readouterr()
    project.config("other", SOUND + "# not smoke\ntags:\n  - slow\ncall: [\n")
    assert main(["list", "tag:smoke"]) == 0
    assert main(["list", "tag:slow"]) == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_have_the_tag_is_told(project: Project, capsys: Captured) -> None:
    project.config("secret").chmod(0)
    assert main(["list", "tag:smoke"]) == 0
    assert capsys.readouterr().err == (
        "warning: 1 config that cannot be read and may belong to the selection has problems: configs/secret.yaml; "
        "`harness list` shows them\n"
    )
    assert main(["list", "tag:smok"]) == 2


def test_a_link_that_leads_nowhere_may_have_any_tag(project: Project, capsys: Captured) -> None:
    (project.folder / "configs/link.yaml").symlink_to("nothing.yaml")
    assert main(["list", "tag:smoke"]) == 0
    assert "may belong to the selection has problems: configs/link.yaml;" in capsys.readouterr().err
    assert main(["list", "ddim/*"]) == 0
    assert "outside the selection has problems: configs/link.yaml;" in capsys.readouterr().err
    assert main(["list", "tag:nothing"]) == 2


def test_a_folder_that_cannot_be_read_hides_no_case(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    project.config("secret/b")
    scan = os.scandir

    def refusing(path: str) -> object:
        if str(path).endswith("secret"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    for select in ([], ["secret/*"], ["secret/b"], ["!tag:smoke"]):
        assert main(["list", *select]) == 2
        assert "configs/secret: cannot be read (Permission denied)" in capsys.readouterr().err
    assert main(["list", "ddim/*"]) == 0
    assert "outside the selection has problems: configs/secret;" in capsys.readouterr().err
    assert main(["list", "tag:smoke"]) == 0
    assert "may belong to the selection has problems: configs/secret;" in capsys.readouterr().err


def test_entries_that_an_unreadable_matrix_may_give(project: Project, capsys: Captured) -> None:
    project.config("other", SOUND + "matrix: {seed: [0, 1]\n")
    project.config("ddim/family", SOUND + "matrix: {seed: [0, 1]}\n")
    assert main(["list", "other@seed=0"]) == 2
    assert main(["list", "*@seed=0"]) == 0
    assert "may belong to the selection" in capsys.readouterr().err
    assert main(["list", "*@seed=7"]) == 2  # nothing else can be meant
    assert main(["list", "ddim/*@seed=0"]) == 0
    assert "outside the selection" in capsys.readouterr().err


def test_a_name_that_cannot_be_an_id_is_touched_by_its_place(project: Project, capsys: Captured) -> None:
    project.config("other/a b")
    assert main(["list", "ddim/*"]) == 0
    assert "configs/other/a b.yaml" in capsys.readouterr().err
    assert main(["list", "other/*"]) == 2
    assert main(["list"]) == 2


@pytest.mark.parametrize("select", ["ddim/soun", "tag:smok", "other/*", "!ddim/soun"])
def test_a_misspelt_selection_stays_an_error_beside_broken_files(
    project: Project, capsys: Captured, select: str
) -> None:
    project.config("broken", BROKEN["not YAML"])
    assert main(["list", select]) == 2
    assert "selects no case" in capsys.readouterr().err


def test_a_broken_file_can_be_left_out_by_its_id(project: Project, capsys: Captured) -> None:
    project.config("broken", BROKEN["not YAML"])
    project.config("worse", BROKEN["a wrong matrix"])
    assert main(["list", "!broken", "!worse"]) == 0
    assert "ddim/sound" in capsys.readouterr().out


@pytest.mark.parametrize("select", [["a"], ["A"], []])
def test_two_files_that_share_an_id_are_a_problem_of_both(
    project: Project, capsys: Captured, select: list[str]
) -> None:
    project.config("a")
    (project.folder / "configs/A.yaml").write_text(TWO_STEPS)
    if len(list((project.folder / "configs").glob("*.yaml"))) < 2:
        pytest.skip("this file system keeps one of the two")
    assert main(["list", *select]) == 2
    assert capsys.readouterr().err.count("the case ids 'a' and 'A'") == 1
    assert main(["list", "ddim/*"]) == 0


def test_list_shows_what_can_be_shown(project: Project, capsys: Captured) -> None:
    project.config("broken", SOUND + "seed: -1\n")
    assert main(["list", "--json", "list.json"]) == 2
    shown = capsys.readouterr()
    assert "ddim/sound" in shown.out
    assert "configs/broken.yaml: seed = -1: expected a whole number" in shown.err
    document = json.loads(Path("list.json").read_text())
    assert [case["case"] for case in document["cases"]] == ["ddim/sound"]
    [problem] = document["problems"]
    assert (problem["file"], problem["key"], problem["value"]) == ("configs/broken.yaml", "seed", "-1")


def test_prune_takes_no_golden_of_a_broken_config_for_unused(project: Project, capsys: Captured) -> None:
    golden = project.folder / "goldens/broken/cpu-x86_64.safetensors"
    golden.parent.mkdir()
    golden.write_bytes(b"")
    project.config("broken", SOUND + "seed: -1\n")
    assert main(["prune", "--delete"]) == 2
    assert golden.exists()


def test_prune_of_other_cases_only_warns_of_a_broken_config(project: Project, capsys: Captured) -> None:
    goldens = [project.folder / f"goldens/{name}/cpu-x86_64.safetensors" for name in ("broken", "gone")]
    for golden in goldens:
        golden.parent.mkdir(parents=True)
        golden.write_bytes(b"")
    project.config("broken", "pipeline: [\n")
    for words in (["gone"], ["!broken"]):
        assert main(["prune", *words]) == 1, words
        shown = capsys.readouterr()
        assert "goldens/gone/cpu-x86_64.safetensors" in shown.out
        assert "goldens/broken" not in shown.out
        assert "configs/broken.yaml" in shown.err
    for words in (["broken"], ["*o*"], ["broken@seed=1"], []):
        assert main(["prune", "--delete", *words]) == 2, words
        assert "1 problem in the configs" in capsys.readouterr().err
    assert all(golden.exists() for golden in goldens)


def test_weights_that_are_not_there_skip_their_case_alone(project: Project, capsys: Captured) -> None:
    """One worker for all of them, since it imports torch."""
    project.config("sd/folder", "pipeline: auto\nmodel: {id: ../../models/gone}\n")
    project.config("sd/deep", "pipeline: auto\nmodel: {id: models/sd/v1}\n")
    project.config("sd/file", "pipeline: DDIMPipeline\nmodel: {id: gone.safetensors}\n")
    digits = "pipeline: StableDiffusionPipeline\nmodel: {id: 'builtin:sd-digits'}\ncall: {prompt: a seven}\n"
    project.config("sd/lora", digits + "adapters: [{id: ./loras/gone}]\n")
    project.config("sd/token", digits + "embeddings: [{id: /nowhere/gone.safetensors, token: x}]\n")
    project.config("sd/ip", digits + "ip_adapters: [{id: ./ip/gone, image_encoder_folder: null}]\n")
    given = "pretrained_model_name_or_path_or_dict: ./before/gone, subfolder: '', weight_name: ip.safetensors"
    project.config("sd/before", digits + f"before: [{{method: load_ip_adapter, call: {{{given}}}}}]\n")
    assert main(["list"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert told.endswith(
        "7 cases will be skipped, weights not found: configs/sd/before/gone, configs/sd/models/sd/v1, "
        "configs/sd/gone.safetensors, models/gone, configs/sd/ip/gone, configs/sd/loras/gone, "
        "/nowhere/gone.safetensors"
    )
    ran = project.harness("verify", "sd/*", "--device", "cpu")
    assert ran.code == 0, ran.out + ran.err
    assert set(project.verdicts().values()) == {"skipped"}
    reasons = {case["case"]: case["reason"] for case in project.report()["cases"]}
    for name, path in {
        "sd/folder": "models/gone",
        "sd/deep": "configs/sd/models/sd/v1",
        "sd/file": "configs/sd/gone.safetensors",
        "sd/lora": "configs/sd/loras/gone",
        "sd/ip": "configs/sd/ip/gone",
        "sd/before": "configs/sd/before/gone",
    }.items():
        named = {os.path.normpath(word.rstrip(";")) for word in reasons[name].split()}
        assert str(project.folder / path) in named, reasons[name]
    assert "/nowhere/gone.safetensors" in reasons["sd/token"]
