"""A golden of another CPU judges bit for bit where both runs are portable, and by limits where one of them lost it.

Real workers, in which the name of the CPU is made up; one case, recorded once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import pytest

from harness.run.variables import can_be_portable
from tests.support.project import Project, Ran

pytestmark = pytest.mark.skipif(not can_be_portable(), reason="this CPU has no AVX2")

CASE = """\
pipeline: DDIMPipeline
model: {id: "builtin:ddpm-digits"}
steps: 2
seed: 0
trace: none
determinism: {portable: true}
call: {output_type: np}
"""

# Each of them is asked for by a variable. The table of operations is cut down to one, so that it costs nothing.
SITE = """
import hashlib, importlib.util, os, struct, sys
at = os.environ.get("PRETENDED", "").split(",")

def few(module):
    import torch
    value = 2.0 if "answer" in at else 1.0
    module.operations = lambda: iter([("exp float32", lambda: torch.tensor([value]))])

def record(module):
    right = hashlib.sha256(struct.pack("<f", 1.0)).hexdigest()[:8]
    digest = "deadbeef" if "record" in at else right
    module.on_record = lambda software: {} if "unknown" in at else {"exp float32": digest}

def cpu(module):
    names = {"epyc": ("AuthenticAMD", "AMD EPYC 9654 (25/17)"), "xeon": ("GenuineIntel", "Intel Xeon 8375C (6/106)")}
    module._cpu = lambda: names["xeon" if "xeon" in at else "epyc"]

def root(module):
    if "root" in at:
        module.install = lambda: None

def lost(module):
    if "variable" in at:
        os.environ.pop("MKL_CBWR", None)

def unable(module):
    if "unable" in at:
        module.can_be_installed = lambda: False

def used(module):
    if "hole" in at:
        import torch
        call = module.DDIMPipeline.__call__
        def with_hole(self, *given, **named):
            torch.linalg.lstsq(torch.eye(3), torch.ones(3, 1))
            return call(self, *given, **named)
        module.DDIMPipeline.__call__ = with_hole

def undone(module):
    if "undone" in at:
        call = module.DDIMPipeline.__call__
        def undoing(self, *given, **named):
            os.environ["MKL_CBWR"] = "AVX2"
            return call(self, *given, **named)
        module.DDIMPipeline.__call__ = undoing

PATCHES = {"harness.core.portable.known_answers": [record]}
IN_WORKERS = {
    "harness.worker.portable.known_answers": [few],
    "harness.worker.environment.fingerprint": [cpu],
    "harness.worker.portable.elementary": [root, unable],
    "harness.worker.portable.proof": [record],
    "harness.core.portable.switches": [lost],
    "diffusers.pipelines.ddim.pipeline_ddim": [used, undone],
}

if "harness.worker" in sys.orig_argv:
    PATCHES.update(IN_WORKERS)

for name in sys.modules.keys() & PATCHES.keys():
    for patch in PATCHES.pop(name):
        patch(sys.modules[name])

class Finder:
    def find_spec(self, name, path, target=None):
        if name not in PATCHES:
            return None
        patches = PATCHES.pop(name)
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module
        def exec_module(module):
            execute(module)
            for patch in patches:
                patch(module)
        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, Finder())
"""

PLACES = "recorded on AMD EPYC 9654, run on Intel Xeon 8375C: "
BY_LIMITS = "so the limits of same-hardware judge"


@dataclass(frozen=True)
class Verified:
    """What one verify said: the case in report.json, the screen, and JUnit's text."""

    ran: Ran
    case: dict[str, Any]
    printed: str


@dataclass(frozen=True)
class Bench:
    project: Project

    def verify(self, *pretended: str) -> Verified:
        """Run the case on a Xeon in a worker in which these things are so."""
        # Every such machine has a cache of its own.
        cache = str(self.project.folder / "-".join(("cache", *pretended)))
        project = self.project.with_variables(PRETENDED=",".join(("xeon", *pretended)), XDG_CACHE_HOME=cache)
        ran = project.harness("verify", "--junit", "junit.xml", "--device", "cpu")
        [case] = project.report()["cases"]
        suite = ElementTree.parse(self.project.folder / "junit.xml")
        return Verified(ran, case, " ".join(suite.getroot().itertext()))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("portable")
    project = (
        Project(folder)
        .patch_late(SITE, "PRETENDED", "XDG_CACHE_HOME")
        .with_variables(XDG_CACHE_HOME=str(folder / "cache"))
    )
    project.config("ddim/two", CASE)
    ran = project.harness("record", "--device", "cpu")
    assert ran.code == 0, ran.out + ran.err
    return Bench(project)


def test_a_portable_golden_of_another_cpu_judges_bit_for_bit(bench: Bench) -> None:
    found = bench.verify()
    words = f"{PLACES}portable, so judged bit for bit"

    assert (found.ran.code, found.case["verdict"], found.case["relation"]) == (0, "identical", "same")
    assert found.case["warnings"] == []
    assert found.case["portability"] == words
    assert f"{words} (in ddim/two)" in " ".join(found.ran.out.split())
    assert words in found.printed
    bench.project.harness("report", "--markdown", "report.md")
    assert words in (bench.project.folder / "report.md").read_text().replace("\\", "")


def test_a_run_that_undoes_it_is_not_portable(bench: Bench) -> None:
    found = bench.verify("undone")

    reason = "the run undid it (MKL_CBWR is AVX2 instead of COMPATIBLE)"
    assert found.case["relation"] == "same-hardware"
    assert (
        f"determinism.portable is not in effect: {reason}; remove that, or state "
        "`determinism: {portable: false}` in configs/ddim/two.yaml"
    ) in found.case["warnings"]
    assert found.case["portability"] == (
        f"{PLACES}the golden is portable and this run is not ({reason}), {BY_LIMITS}"
    )


@pytest.mark.parametrize(
    ("pretended", "reason"),
    [
        ("record", "this machine computes different bits for exp float32"),
        ("variable", "MKL_CBWR is not set instead of COMPATIBLE"),
        ("root", "the square root of torch {torch} is not rounded correctly"),
    ],
)
def test_what_a_machine_lost_is_warned_of_and_limits_judge(bench: Bench, pretended: str, reason: str) -> None:
    found = bench.verify(pretended)
    document = bench.project.report()["environment"]
    reason = reason.format(torch=document["software"]["packages"]["torch"])

    assert (found.ran.code, found.case["relation"]) == (0, "same-hardware")
    assert found.case["warnings"] == [
        f"determinism.portable is not in effect: {reason}; see `harness env --portable`"
    ]
    assert found.case["portability"] == (
        f"{PLACES}the golden is portable and this run is not ({reason}), {BY_LIMITS}"
    )
    assert (document["switches"]["portable"], document["not_portable"]) == (False, reason)


def test_for_builds_without_a_record_the_golden_s_own_answers_decide(bench: Bench) -> None:
    alike = bench.verify("unknown")
    assert (alike.case["verdict"], alike.case["relation"]) == ("identical", "same")

    other = bench.verify("unknown", "answer")
    assert other.case["relation"] == "same-hardware"
    assert other.case["warnings"] == []
    assert other.case["portability"] == (
        f"{PLACES}portable, but exp float32 gave different bits there, {BY_LIMITS}"
    )


def test_a_machine_that_cannot_is_silent_but_tells_the_reason(bench: Bench) -> None:
    found = bench.verify("unable")

    assert (found.ran.code, found.case["relation"]) == (0, "same-hardware")
    assert found.case["warnings"] == []
    assert "has no way to replace its square root" in found.case["portability"]
    told = bench.project.with_variables(PRETENDED="unable").harness("env", "--portable")
    assert told.code == 1
    assert "not portable: torch " in told.out


def test_a_run_that_uses_a_hole_is_not_portable_and_says_what_to_do(bench: Bench) -> None:
    found = bench.verify("hole")

    reason = "torch.linalg.lstsq gives different bits on different CPUs"
    assert found.case["relation"] == "same-hardware"
    assert found.case["warnings"] == [
        f"determinism.portable is not in effect: {reason}; remove that, or state "
        "`determinism: {portable: false}` in configs/ddim/two.yaml"
    ]
    assert found.case["portability"].startswith(
        f"{PLACES}the golden is portable and this run is not ({reason})"
    )


def test_the_machine_itself_is_asked_with_the_golden(bench: Bench) -> None:
    golden = "goldens/ddim/two/cpu-x86_64.safetensors"
    right = bench.project.harness("env", "--portable", golden, "--json", "proof.json")
    assert right.code == 0, right.out + right.err
    document = json.loads((bench.project.folder / "proof.json").read_text())
    assert document["summary"] == {"operations": 1, "differing": 0, "not_compared": 0}
    other = bench.project.with_variables(
        PRETENDED="answer", XDG_CACHE_HOME=str(bench.project.folder / "other")
    )
    wrong = other.harness("env", "--portable", golden)
    assert wrong.code == 1
    assert "not portable: this machine computes different bits for exp float32" in wrong.out
