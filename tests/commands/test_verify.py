"""`harness verify` over the real command line: verdicts, exit codes, options, reports."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from harness.golden.header import read_document
from tests.support.files import describe
from tests.support.project import TWO_STEPS, Project, interruptible, patch_of
from tests.support.starts import client

GOLDEN = Path("goldens/ddim/two") / f"cpu-{platform.machine().lower()}.safetensors"


def test_every_verdict_that_a_config_or_store_can_bring_about(project: Project) -> None:
    project.config("ddim/stale")
    project.config("ddim/new")
    project.config("hub", TWO_STEPS.replace("builtin:ddpm-digits", "nobody/nothing-at-all"))
    project.config("raises", TWO_STEPS.replace("output_type: np", "batch_size: -1"))
    stale = project.folder / "goldens/ddim/stale" / GOLDEN.name
    stale.parent.mkdir()
    stale.write_bytes((project.folder / GOLDEN).read_bytes())
    describe(stale, lambda document: document.update(case="ddim/stale"))
    project.config("ddim/stale", TWO_STEPS.replace("steps: 2", "steps: 3"))
    (project.folder / "configs/unseeded.yaml").unlink()

    ran = project.harness("verify", "--device", "cpu", "--json", "j.json", "--junit", "j.xml")

    assert ran.code == 1, ran.out + ran.err
    assert project.verdicts() == {
        "ddim/new": "no-golden",
        "ddim/stale": "stale",
        "ddim/two": "identical",
        "hub": "skipped",
        "raises": "broken",
    }
    cases = {case["case"]: case for case in project.report()["cases"]}
    assert "steps: 2 → 3" in cases["ddim/stale"]["reason"]
    assert cases["ddim/two"]["relation"] == "same"
    assert json.loads((project.folder / "j.json").read_text()) == project.report()
    suite = ElementTree.parse(project.folder / "j.xml").getroot()
    assert len(list(suite.iter("failure"))) == 3
    assert len(list(suite.iter("skipped"))) == 1


@pytest.mark.parametrize(
    ("options", "code"), [((), 1), (("--allow-missing",), 0), (("--allow-missing", "--strict"), 0)]
)
def test_allow_missing(project: Project, options: tuple[str, ...], code: int) -> None:
    project.config("ddim/new")
    ran = project.harness("verify", "ddim/*", "--device", "cpu", *options)
    assert ran.code == code, ran.out + ran.err


def test_strict_fails_what_was_skipped(project: Project) -> None:
    ran = project.harness("verify", "ddim/two", "--device", "cuda:7")
    assert (ran.code, project.verdicts()) == (0, {"ddim/two": "skipped"})
    ran = project.harness("verify", "ddim/two", "--device", "cuda:7", "--strict")
    assert ran.code == 1


def test_relation_judges_as_if_it_held(project: Project) -> None:
    ran = project.with_variables(HARNESS_THREADS="2").harness(
        "verify", "ddim/two", "--device", "cpu", "--relation", "cross-hardware"
    )
    assert ran.code == 0, ran.out + ran.err
    assert project.report()["cases"][0]["relation"] == "cross-hardware"


def test_a_worker_that_dies_costs_its_own_case_only(project: Project) -> None:
    project.config("ddim/dies", TWO_STEPS.replace("seed: 0", "seed: 13"))
    killer = patch_of(
        "diffusers.pipelines.ddim.pipeline_ddim",
        """\
import os, signal, sys
original = module.DDIMPipeline.__call__
def call(self, *args, **keywords):
    if keywords["generator"].initial_seed() == 13:
        print("the last words", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    return original(self, *args, **keywords)
call.__signature__ = __import__("inspect").signature(original)
module.DDIMPipeline.__call__ = call""",
    )
    ran = project.patch_late(killer).harness("verify", "ddim/*", "--device", "cpu")
    assert ran.code == 3
    assert project.verdicts() == {"ddim/dies": "error", "ddim/two": "identical"}
    assert "SIGKILL" in project.report()["cases"][0]["reason"]
    assert "the last words" in ran.out


def test_interrupt_ends_with_130_and_leaves_no_worker(project: Project) -> None:
    project.config("long", TWO_STEPS.replace("steps: 2", "steps: 1000"))
    log = project.folder / "out/logs/worker-0.log"
    log.unlink()  # the recording's; the next one shows that the command is under way
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.starts", "verify", "long", "--device", "cpu"],
        cwd=project.folder,
        env={**os.environ, **client.variables()},
        preexec_fn=interruptible,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not log.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in errors
    assert "Traceback" not in errors


def test_bad_configs_are_listed_at_once_with_exit_code_2(project: Project) -> None:
    project.config("bad/one", TWO_STEPS.replace("steps", "stepz"))
    project.config("bad/two", TWO_STEPS.replace("DDIMPipeline", "DDMIPipeline"))
    ran = project.harness("verify")
    assert ran.code == 2
    assert "stepz" in ran.err
    assert "DDIMPipeline" in ran.err
    assert not (project.folder / "out").exists() or "Traceback" not in ran.err


def test_an_argument_that_a_recorded_pipeline_no_longer_takes_is_broken_and_a_new_one_bad_usage(
    project: Project,
) -> None:
    removed = patch_of(
        "diffusers.pipelines.ddim.pipeline_ddim",
        """\
original = module.DDIMPipeline.__call__
def call(self, num_inference_steps=50, generator=None):
    return original(self, num_inference_steps=num_inference_steps, generator=generator, output_type="np")
module.DDIMPipeline.__call__ = call""",
    )
    ran = project.patch_late(removed).harness("verify", "ddim/two", "--device", "cpu")
    assert (ran.code, project.verdicts()) == (1, {"ddim/two": "broken"})
    assert "takes no `output_type`" in project.report()["cases"][0]["reason"]
    project.config("ddim/new", TWO_STEPS.replace("output_type", "outputtype"))
    ran = project.harness("verify", "ddim/*", "--device", "cpu")
    assert ran.code == 2
    assert "call.outputtype" in ran.err


def test_a_call_that_was_misspelt_after_recording_is_told_before_a_run(project: Project) -> None:
    project.config("ddim/two", TWO_STEPS.replace("output_type", "output_typ"))
    ran = project.harness("verify", "ddim/two", "--device", "cpu")
    assert ran.code == 2, ran.out + ran.err
    assert "did you mean 'output_type'?" in ran.err


def test_a_replay_is_done_by_the_worker_that_still_holds_the_pipeline(project: Project) -> None:
    """With two pipelines in one worker: a replay after all plain runs would have to load its own anew."""
    traced = TWO_STEPS + "forced: true\n"
    project.config("a", traced)
    project.config("b", traced.replace("DDIMPipeline", "DDPMPipeline"))
    assert project.harness("record", "a", "b", "--device", "cpu").code == 0
    assert project.harness("verify", "a", "b", "--device", "cpu", "--jobs", "1").code == 0
    for case in ("a", "b"):
        folder = project.folder / "out/captures" / case
        loads = [read_document(folder / f"{name}.safetensors").seconds.load for name in ("capture", "forced")]
        assert loads[0] > 0.0
        assert loads[1] == 0.0
