"""Warnings of libraries and variables that change numbers are part of what a run tells, in every report."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from harness.cli import main
from harness.config.load import load_cases
from harness.core.capture import CaptureDocument
from harness.core.environment import changes_between, relation_between
from harness.core.tolerance import Relation
from harness.golden.header import read_document
from harness.golden.store import GoldenStore
from harness.report.formats.markdown import markdown
from harness.report.json_report import read_report
from harness.trials.acceptance import accept_capture
from tests.golden.builders import DECISION
from tests.support.starts.in_process import forking

CONFIG = """\
pipeline: {pipeline}
model: {{id: "builtin:sd-digits"}}
scheduler: {{class: DDIMScheduler}}
steps: 2
seed: 0
call: {{prompt: {prompt}, guidance_scale: 1.0, output_type: {output_type}}}
determinism: {{portable: false}}
"""
LONG = " ".join(["a handwritten seven"] * 10)
CUT_OFF = "diffusers: The following part of your input was truncated because CLIP can only handle sequences up to 16"

OWN = """\
import logging
import torch
from diffusers import StableDiffusionPipeline

class Own(StableDiffusionPipeline):
    def __call__(self, *args, **kwargs):
        torch.rand(3)
        logging.getLogger("own").warning("%r takes no generator, see /home/%s/x/own.py", object(), id(self))
        return super().__call__(*args, **kwargs)
"""

VARIABLES = {
    "OMP_NUM_THREADS": "3",
    "PYTHONHASHSEED": "7",
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": "AVX512_SKX",
    "TORCH_BLAS_PREFER_CUBLASLT": "0",
    "DIFFUSERS_VERBOSITY": "error",
    "DIFFUSERS_TOKEN": "hf_abcdefghijklmnopqrst",
    "OMP_DISPLAY_ENV": "FALSE",
}


@dataclass(frozen=True)
class Told:
    """One verify of some cases: what it printed, and what it left."""

    folder: Path
    printed: str

    def capture(self, case: str) -> Path:
        return self.folder / "out" / "captures" / case / "capture.safetensors"

    def document(self, case: str) -> CaptureDocument:
        return read_document(self.capture(case))

    def heard(self, case: str) -> list[str]:
        """The warnings of libraries."""
        return [text for text in self.document(case).warnings if "of the environment" not in text]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp("told")
    configs = folder / "configs"
    configs.mkdir()
    (configs / "own.py").write_text(OWN)
    sd = {"pipeline": "StableDiffusionPipeline", "prompt": "seven", "output_type": "latent"}
    cases = {
        "a-long": sd | {"prompt": LONG},
        "b-long": sd | {"prompt": LONG},
        "c-plain": sd,
        "d-odd": sd | {"output_type": "nonsense"},
        "own": sd | {"pipeline": "./own.py:Own"},
    }
    for name, values in cases.items():
        (configs / f"{name}.yaml").write_text(CONFIG.format(**values))
    with forking(), pytest.MonkeyPatch.context() as patch, (folder / "printed").open("w") as sink:
        for name, value in VARIABLES.items():
            patch.setenv(name, value)
        patch.delenv("HARNESS_THREADS", raising=False)
        patch.chdir(folder)
        patch.setattr("sys.stdout", sink)
        code = main(["verify", "--device", "cpu", "--jobs", "1"])
    assert code == 1  # there are no goldens
    return Told(folder, " ".join((folder / "printed").read_text().split()))


def test_a_prompt_that_is_cut_off_is_told_also_of_the_second_case_of_a_worker(told: Told) -> None:
    first, second = told.heard("a-long"), told.heard("b-long")
    assert first == second
    assert len(first) == 1
    assert first[0].startswith(CUT_OFF)


def test_a_value_that_is_replaced_is_told(told: Told) -> None:
    (sentence,) = told.heard("d-odd")
    assert "the output_type nonsense is outdated and has been set to `np`" in sentence


def test_a_run_of_which_nothing_is_to_be_said_has_no_warnings(told: Told) -> None:
    assert told.heard("c-plain") == []


def test_what_a_pipeline_of_ones_own_says_is_the_same_in_every_run(told: Told) -> None:
    (sentence,) = told.heard("own")
    assert sentence == "own: <object object at 0x…> takes no generator, see …/own.py"


def test_screen_json_and_markdown_tell_each_once(told: Told) -> None:
    assert told.printed.count(CUT_OFF) == 1
    assert "(in a-long, b-long)" in told.printed
    report = read_report((told.folder / "out" / "report.json").read_text())
    by_case = {case.case: case.warnings for case in report.cases}
    assert sum(text.startswith(CUT_OFF) for text in by_case["b-long"]) == 1
    shown = markdown(report).replace("\\", "")
    assert shown.count(CUT_OFF) == 1


def test_recording_tells_the_same_as_verify_also_of_draws_from_a_global_generator(told: Told) -> None:
    report = read_report((told.folder / "out" / "report.json").read_text())
    case = next(case for case in load_cases(told.folder / "configs").cases if case.id == "own")
    store = GoldenStore(told.folder / "goldens")
    recorded = accept_capture(case, told.capture("own"), store, how="record", runs=2, decision=DECISION)
    draws = "torch: the pipeline drew from the global generator in addition to the one it was given"
    verified = next(one.warnings for one in report.cases if one.case == "own")
    assert draws in recorded.warnings
    assert set(verified) <= set(recorded.warnings)


def test_variables_that_change_numbers_are_in_the_fingerprint_and_no_others(told: Told) -> None:
    assert told.document("c-plain").environment.switches.variables == {
        "NPY_DISABLE_CPU_FEATURES": "AVX512_SKX",
        "OPENBLAS_CORETYPE": "Haswell",
        "TORCH_BLAS_PREFER_CUBLASLT": "0",
    } | {name: value for name, value in os.environ.items() if name.startswith(_OF_THE_TESTS)}


# Variables of the process that runs the tests may count as well; scikit-learn sets those of KMP_ when it is imported.
_OF_THE_TESTS = ("LD_PRELOAD", "GLIBC_TUNABLES", "OMP_PROC_BIND", "MKL_CBWR", "ATEN_CPU_CAPABILITY", "KMP_")


def test_against_a_golden_without_them_they_are_changes_of_the_environment(told: Told) -> None:
    now = told.document("c-plain").environment
    golden = replace(now, switches=replace(now.switches, variables={}))
    assert relation_between(golden, now) is Relation.SAME_HARDWARE
    changes = {change.what: (change.golden, change.now) for change in changes_between(golden, now)}
    assert changes["switches.variables.OPENBLAS_CORETYPE"] == (None, "Haswell")
    assert relation_between(now, now) is Relation.SAME


def test_what_a_case_decides_against_the_caller_is_said_and_is_no_change(told: Told) -> None:
    said = "of the environment is overridden:"
    assert told.document("c-plain").warnings == (
        f"OMP_NUM_THREADS=3 {said} determinism.threads makes it 1",
        f"PYTHONHASHSEED=7 {said} the harness makes it 0",
    )
    assert told.printed.count("OMP_NUM_THREADS=3 of the environment") == 1


def test_a_secret_is_written_nowhere(told: Told) -> None:
    files = [path for path in (told.folder / "out").rglob("*") if path.is_file()]
    assert len(files) > 5
    assert not [path for path in files if VARIABLES["DIFFUSERS_TOKEN"].encode() in path.read_bytes()]
