"""`harness doctor`: every finding, with its fix."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.core.variables import numeric_variables
from tests.support.pretend import CONFIG, Pretend, pretend

__all__ = ["pretend"]


@pytest.fixture
def project(pretend: Pretend, monkeypatch: pytest.MonkeyPatch) -> Pretend:
    """A project with a case, its golden and pins, on a machine where nothing is wrong."""
    for name in [*numeric_variables(os.environ, platform.machine()), "HARNESS_THREADS"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("harness.doctor.machine.obstacle", lambda: "")
    monkeypatch.setattr("harness.doctor.examination.installed_versions", lambda: {"torch": "2.13.0"})
    pretend.config("one", CONFIG.replace("trace: none\n", ""))
    (pretend.folder / "uv.lock").touch()
    pretend.config("plain", CONFIG)
    return pretend


def findings(project: Pretend, *words: str) -> dict[str, dict[str, object]]:
    """The findings as JSON, by what is wrong."""
    ran = project.harness("doctor", "--device", "cpu", "--json", "-", "--quiet", *words)
    return {one["what"]: one for one in json.loads(ran.out)["findings"]}


def test_the_whole_screen(project: Pretend) -> None:
    project.record("plain")
    project.config("plain", CONFIG.replace("seed: 0", "determinism: {tf32: true}\nseed: 0"))
    ran = project.harness("doctor", "--device", "cpu")
    assert (
        ran.out
        == """\
golden cannot judge: one
  has no golden on any platform
  fix: harness record

golden cannot judge: goldens/plain/cpu-x86_64.safetensors
  was recorded from a different definition of the case
  fix: harness record --update plain

runs may differ: plain
  determinism: {tf32: true} rounds float32 to 10 bits of mantissa on GPUs that
  can
  fix: leave the key out of the config: its default is the safe one

judges less: plain
  trace: none leaves nothing to explain a difference with
  fix: remove `trace: none`

2 cases and 1 golden; golden cannot judge: 2, runs may differ: 1, judges less: 1
(exit code 1)
"""
    )
    assert ran.code == 1


def test_nothing_to_find(project: Pretend) -> None:
    (project.folder / "configs/one.yaml").unlink()
    project.record("plain")
    ran = project.harness("doctor", "--device", "cpu", "--quiet")
    assert (ran.code, ran.out) == (0, "1 case and 1 golden; judges less: 1 (exit code 0)\n")


@pytest.mark.parametrize(
    ("line", "what", "harm"),
    [
        ("determinism: {algorithms: false}", "determinism: {algorithms: false} lets torch choose", "runs may differ"),
        ("determinism: {cudnn_benchmark: true}", "determinism: {cudnn_benchmark: true} lets", "runs may differ"),
        ("determinism: {attention: flash}", "determinism: {attention: flash} chooses a kernel", "runs may differ"),
        ("determinism: {portable: false}", "determinism: {portable: false} gives other bits", "runs may differ"),
        ("determinism: {threads: 4}", "determinism: {threads: 4} makes sums depend", "runs may differ"),
        ("generator: none", "generator: none draws other noise in each run", "runs may differ"),
        ("generator: device", "generator: device draws other noise on another kind", "judges less"),
        ("nondeterministic: allow", "nondeterministic: allow accepts runs that differ", "judges less"),
        ("tags: [pil]", "output_type: pil rounds the output to 8 bits", "judges less"),
    ],
)  # fmt: skip
def test_what_a_config_says(project: Pretend, line: str, what: str, harm: str) -> None:
    text = CONFIG.replace("seed: 0\n", "") if line == "generator: none" else CONFIG
    project.config("plain", (text.replace("np", "pil") if "pil" in line else text) + line + "\n")
    [found] = [one for one in findings(project).values() if str(one["what"]).startswith(what)]
    assert (found["harm"], found["places"]) == (harm, ["plain"])


def test_a_floating_revision_is_to_be_pinned(project: Pretend) -> None:
    project.config("hub", CONFIG.replace('"builtin:ddpm-digits"', "org/model"))
    [found] = [one for what, one in findings(project).items() if "floats" in what]
    assert (found["places"], found["harm"]) == (["configs/hub.yaml"], "runs may differ")
    assert str(found["fix"]).startswith("pin `revision`")


def test_a_model_of_pickles_is_to_be_converted(project: Pretend) -> None:
    folder = project.folder / "configs/model"
    folder.mkdir()
    (folder / "model_index.json").write_text('{"_class_name": "DDIMPipeline"}')
    (folder / "pytorch_model.bin").touch()
    project.config("own", CONFIG.replace('"builtin:ddpm-digits"', "./model"))
    [found] = [one for what, one in findings(project).items() if "pickles only (pytorch_model.bin" in what]
    assert (found["places"], found["harm"]) == (["own"], "golden cannot judge")


def pointer(golden: Path) -> None:
    golden.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 100000\n")


def damage(golden: Path) -> None:
    golden.write_bytes(golden.read_bytes()[:-8])


@pytest.mark.parametrize(
    ("change", "what", "fix"),
    [
        (pointer, "is a Git LFS pointer", "fetch it: git lfs pull"),
        (damage, "", ""),
    ],
)
def test_a_golden_that_cannot_be_read(
    project: Pretend, change: Callable[[Path], None], what: str, fix: str
) -> None:
    project.record("plain")
    change(project.golden("plain"))
    place = "goldens/plain/cpu-x86_64.safetensors"
    [found] = [one for one in findings(project).values() if one["places"] == [place]]
    assert found["harm"] == "golden cannot judge"
    assert what in str(found["what"])
    assert not str(found["what"]).startswith("goldens/")
    assert fix in str(found["fix"])


def test_limits_that_do_not_belong_to_the_golden(project: Pretend) -> None:
    project.config("plain", CONFIG + "tolerance: calibrated\n")
    project.record("plain")
    [found] = [one for what, one in findings(project).items() if what.startswith("its limits cannot be used")]
    assert found["fix"] == "harness calibrate plain"


def test_goldens_of_other_versions(project: Pretend, monkeypatch: pytest.MonkeyPatch) -> None:
    project.record("plain")
    version = project.here.software.packages["torch"]
    monkeypatch.setattr("harness.doctor.examination.installed_versions", lambda: {"torch": "9.0"})
    found = findings(project)[f"was recorded with other versions: torch {version} -> 9.0"]
    assert found["harm"] == "runs may differ"


def test_goldens_that_belong_to_no_case(project: Pretend) -> None:
    project.record("plain")
    (project.folder / "configs/plain.yaml").unlink()
    found = findings(project)["belongs to no case"]
    assert (found["places"], found["fix"]) == (["goldens/plain/cpu-x86_64.safetensors"], "harness prune")


def test_this_machine(project: Pretend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "1")
    monkeypatch.setenv("HARNESS_THREADS", "3")
    monkeypatch.setattr("harness.doctor.machine.obstacle", lambda: "this CPU has no AVX2")
    found = findings(project)
    assert found["NVIDIA_TF32_OVERRIDE=1 may change numbers, and another machine does not have it"][
        "fix"
    ] == ("unset NVIDIA_TF32_OVERRIDE")
    assert "HARNESS_THREADS=3 overrides `determinism.threads` of every case" in found
    assert "runs are not portable here: this CPU has no AVX2" in found


def test_versions_without_pins(project: Pretend, monkeypatch: pytest.MonkeyPatch) -> None:
    (project.folder / "uv.lock").unlink()
    monkeypatch.setattr(
        "harness.doctor.machine.installed_versions", lambda: {"torch": "1", "diffusers": "1", "numpy": "1"}
    )
    assert "no lock or requirements file pins torch, diffusers, numpy" in findings(project)
    (project.folder / "requirements.txt").write_text("torch==2.13.0\nDiffusers[x] == 0.43\nnumpy>=1\n")
    assert "no lock or requirements file pins numpy" in findings(project)


def test_a_config_with_problems(project: Pretend) -> None:
    project.config("plain", CONFIG + "stepz: 1\n")
    [found] = [one for one in findings(project).values() if one["places"] == ["configs/plain.yaml"]]
    assert str(found["what"]).startswith("stepz: unknown key")


def test_it_looks_at_the_configs_and_for_the_device_that_are_named(project: Pretend) -> None:
    project.record("one", "plain")
    others = project.folder / "others"
    others.mkdir()
    (others / "one.yaml").write_text(CONFIG.replace("seed: 0", "determinism: {tf32: true}\nseed: 0"))
    here, there = project.harness("doctor", "--device", "cpu"), project.harness("doctor", "--device", "cuda")
    elsewhere = project.harness("doctor", "--device", "cpu", "--configs", "others")
    assert ("tf32" in here.out, "tf32" in elsewhere.out) == (False, True)
    assert ("on cuda" in here.out, "on cuda" in there.out) == (False, True)
