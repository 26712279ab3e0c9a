"""The commands that read goldens and reports, over the real command line."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import numpy as np

from tests.support.files import edit
from tests.support.project import TWO_STEPS, Project

PLATFORM = f"cpu-{platform.machine().lower()}"
GOLDEN = Path("goldens/ddim/two") / f"{PLATFORM}.safetensors"


def test_list_shows_the_state_of_each_golden(project: Project) -> None:
    project.config("ddim/two", TWO_STEPS.replace("steps: 2", "steps: 3"))
    project.config("ddim/copied")
    copied = project.folder / "goldens/ddim/copied"
    copied.mkdir()
    (copied / GOLDEN.name).write_bytes((project.folder / GOLDEN).read_bytes())
    ran = project.harness("list", "--device", "cpu", "--json", "list.json")
    assert ran.code == 0
    cases = {case["case"]: case for case in json.loads((project.folder / "list.json").read_text())["cases"]}
    assert [golden["stale"] for golden in cases["ddim/two"]["goldens"]] == [True]
    assert "it holds the case ddim/two" in cases["ddim/copied"]["goldens"][0]["unusable"]
    assert cases["unseeded"]["goldens"] == []


def test_compare_measures_two_files(project: Project) -> None:
    other = project.folder / "other.safetensors"
    other.write_bytes((project.folder / GOLDEN).read_bytes())
    assert project.harness("compare", str(GOLDEN), "other.safetensors").code == 0
    edit(other, "output/images", lambda images: images + np.float32(0.5))
    ran = project.harness("compare", str(GOLDEN), "other.safetensors")
    assert ran.code == 1
    assert "0.5" in ran.out
    assert project.harness("compare", str(GOLDEN), "nowhere.safetensors").code == 2


def test_accept_makes_the_last_capture_the_golden(project: Project) -> None:
    edit(project.folder / GOLDEN, "output/images", lambda images: images + np.float32(0.25))
    assert project.harness("verify", "ddim/two", "--device", "cpu").code == 1
    ran = project.harness("accept", "ddim/two", "--reason", "the scheduler was fixed")
    assert ran.code == 0, ran.out + ran.err
    assert "updated" in ran.out
    assert project.harness("verify", "ddim/two", "--device", "cpu").code == 0
    shown = project.harness("report", "--markdown", "summary.md")
    assert shown.code == 0
    assert "identical" in shown.out
    assert "ddim/two" in (project.folder / "summary.md").read_text()


def test_accept_refuses_a_capture_of_another_definition(project: Project) -> None:
    assert project.harness("verify", "ddim/two", "--device", "cpu").code == 0
    project.config("ddim/two", TWO_STEPS.replace("steps: 2", "steps: 3"))
    before = (project.folder / GOLDEN).read_bytes()
    ran = project.harness("accept", "ddim/two")
    assert ran.code == 3
    assert "different definition" in ran.out
    assert (project.folder / GOLDEN).read_bytes() == before


def test_prune_lists_and_then_deletes_what_no_case_uses(project: Project) -> None:
    assert "every golden belongs to a case" in project.harness("prune").out
    (project.folder / "configs/ddim/two.yaml").unlink()
    ran = project.harness("prune")
    assert (ran.code, str(GOLDEN) in ran.out) == (1, True)
    assert project.harness("prune", "--delete").code == 2, "it is the whole store"
    assert (project.folder / GOLDEN).exists()
    assert project.harness("prune", "--delete", "--all").code == 0
    assert not (project.folder / GOLDEN).exists()


def test_env_prints_saves_and_compares_fingerprints(project: Project) -> None:
    ran = project.harness("env", "--device", "cpu", "--json", "here.json")
    assert ran.code == 0
    assert PLATFORM in ran.out
    here = json.loads((project.folder / "here.json").read_text())
    here["software"]["packages"]["torch"] = "1.2.3"
    (project.folder / "there.json").write_text(json.dumps(here))
    changes = project.harness("env", "there.json", str(GOLDEN)).out
    assert "torch" in changes
    assert "1.2.3" in changes


def test_schema_is_a_json_schema(project: Project) -> None:
    schema = json.loads(project.harness("schema").out)
    assert "pipeline" in schema["properties"]
    assert project.harness("schema", "config").out == project.harness("schema").out
    assert "cases" in json.loads(project.harness("schema", "report").out)["properties"]
    assert "Candidates" in json.loads(project.harness("schema", "candidates").out)["$defs"]


def test_errors_end_with_their_exit_code_and_no_traceback(project: Project) -> None:
    for words in (
        ["verify", "nothing-like-this"],
        ["report", "--out", "nowhere"],
        ["list", "--configs", "nowhere"],
    ):
        ran = project.harness(*words)
        assert ran.code == 2, words
        assert ran.err.startswith("error: ") or "nothing-like-this" in ran.err
        assert "Traceback" not in ran.err
