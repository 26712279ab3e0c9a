"""One of each thing that docs/architecture.md says how to add: the edits, and scripts that see whether it works."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Edit:
    """New text before a line of a file, or a new file where there is no such line."""

    file: str
    before: str
    text: str


@dataclass(frozen=True, slots=True)
class Addition:
    """One thing added: the edits, and a script that fails where it does not work; `loaded` is one that needs torch."""

    edits: tuple[Edit, ...]
    script: str
    loaded: str = ""


ADDITIONS = {
    "a command": Addition(
        (
            Edit(
                "commands/greet.py",
                "",
                """\
from harness.invocation.command import Command

def _run(arguments, screen):
    print("hello")
    return 1

COMMAND = Command(_run)
""",
            ),
            Edit(
                "commands/__init__.py",
                '    "schema": "print the JSON Schema of a config file, or of a report",\n',
                '    "greet": "say hello",\n',
            ),
        ),
        """\
from harness.cli import main
from harness.parser import parser
assert "say hello" in parser().format_help()
sys.argv = ["harness", "greet"]
assert main() == 1
""",
    ),
    "a metric": Addition(
        (
            Edit(
                "core/tolerance.py",
                "    def stated(self)",
                """\
    rms: float | None = _metric(
        "root mean square of the difference", "no two numbers differ by more", lambda numbers: numbers.span
    )

""",
            ),
            Edit(
                "judge/outputs/metrics.py",
                '            "max_ulp": quotient(self.ulp, 1),\n',
                '            "rms": root(self.dd, exact(float(parts))),\n',
            ),
        ),
        """\
import json
import numpy as np
from harness.golden.header import TensorInfo
from harness.judge.limits import largest
from harness.judge.outputs.compare import judge_measured
from harness.judge.outputs.metrics import measure
from harness.report.json_forms import tensor_forms

def judged(limits):
    ours, theirs = np.zeros(4, np.float32), np.float32([6, 0, 0, 0])
    info = TensorInfo("output/images", "float32", (4,), 0, 16)
    return judge_measured("output/images", info, measure([ours], [theirs]), limits)

(case,) = loaded("tolerance: {same-hardware: {rms: 2.5}}")
limits = case.tolerance.same_hardware.stated()
assert limits == {"rms": 2.5}, limits
failed = judged(limits)
assert failed.metrics["rms"] == 3.0, failed
assert failed.verdict == "drifted" and failed.needed == {"rms": 3.0}, failed
assert judged({"rms": 3.0}).verdict == "within"
assert largest("uint8")["rms"] == 255
assert tensor_forms([failed])[0].metrics["rms"] == 3.0
assert "cannot fail" in refused("call: {output_type: pil}\\ntolerance: {same-hardware: {rms: 255}}")
assert "tolerance.same-hardware.rms" in refused("tolerance: {same-hardware: {rms: 1.0e+39}}")
""",
    ),
    "a verdict": Addition(
        (
            Edit("core/results/verdict.py", '    BROKEN = "broken"\n', '    NEAR = "near"\n'),
            Edit(
                "core/results/verdict.py", "Verdict.DRIFTED, Verdict.BROKEN, Verdict.ERROR)", "Verdict.NEAR, "
            ),
            Edit("report/paint.py", '    "drifted": "bold red",\n', '    "near": "bold cyan",\n'),
            Edit(
                "judge/outputs/compare.py",
                "    return _result(name, info, Verdict.DRIFTED, limits, metrics, needed, reason)\n",
                """\
    if failing and all(measured.metrics[metric] <= 2 * limits[metric] for metric in failing):
        return _result(name, info, Verdict.NEAR, limits, metrics, needed, reason)
""",
            ),
        ),
        """\
import numpy as np
from harness.core.results.verdict import CaseResult, Report, Verdict, worst
from harness.golden.header import TensorInfo
from harness.judge.outputs.compare import judge_measured
from harness.judge.outputs.metrics import measure
from harness.report import json_report
from harness.report.formats import junit, markdown
from harness.report.paint import word

info = TensorInfo("output/images", "float32", (2,), 0, 8)
measured = measure([np.zeros(2, np.float32)], [np.float32([3, 0])])
near = judge_measured("output/images", info, measured, {"max_abs": 2.0})
assert near.verdict is Verdict.NEAR
assert judge_measured("output/images", info, measured, {"max_abs": 1.0}).verdict is Verdict.DRIFTED
case = CaseResult("a", near.verdict, None, None, None, near.reasons, 0.0, (near,))
report = Report(None, (case,))
assert report.exit_code(allow_missing=True) == 1
assert report.summary() == {Verdict.NEAR: 1}
assert worst([Verdict.NEAR, Verdict.WITHIN]) is Verdict.NEAR
assert worst([Verdict.NEAR, Verdict.BROKEN]) is Verdict.BROKEN
assert str(word("near").style) == "bold cyan"
again = json_report.read_report(json_report.verify_json(report).encode(), "report.json")
assert again.cases[0].verdict is Verdict.NEAR
assert "<failure" in junit.junit_xml(report, allow_missing=False, strict=False)
assert "near" in markdown.markdown(report, allow_missing=False, strict=False)
""",
    ),
    "a form of input": Addition(
        (
            Edit(
                "config/forms/complexes.py",
                "",
                """\
from harness.config.forms.form import Form
from harness.errors import Problem

def _check(key, argument):
    if not (isinstance(argument, list) and len(argument) == 2):
        yield Problem("", key, str(argument), "expected a list of two numbers")

COMPLEX = Form(lambda: {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}, _check)
""",
            ),
            Edit(
                "config/forms/registry.py",
                "from harness.config.forms.files import FILE as FILE_FORM\n",
                "from harness.config.forms.complexes import COMPLEX\n",
            ),
            Edit("config/forms/registry.py", '    "$map": MAP,\n', '    "$complex": COMPLEX,\n'),
            Edit(
                "worker/inputs/inputs.py",
                '    "$noise": synthetic.noise,\n',
                '    "$complex": lambda pair: complex(*pair),\n',
            ),
        ),
        """\
from harness.config.schema.json_schema import json_schema
(case,) = loaded("call: {shift: {$complex: [1, 2]}}")
assert case.call == {"shift": {"$complex": [1, 2]}}
assert '"$complex"' in json_schema()
assert "expected a list of two numbers" in refused("call: {shift: {$complex: 3}}")
""",
        """\
from harness.worker.inputs.inputs import call_arguments
(case,) = loaded("call: {shift: [{$complex: [1, 2]}]}")
assert call_arguments(case) == {"shift": [1 + 2j]}
""",
    ),
    "an invariant of what a run does": Addition(
        (
            Edit("core/invariant.py", '    HALF = "half"\n', '    GRADIENTS = "gradients"\n'),
            Edit(
                "config/schema/models.py",
                "    half: HalfLimits",
                """\
    gradients: Literal["exact"] | MetricLimits = Field(
        default=_NOT_GIVEN, description="gradients switched on, against off"
    )
""",
            ),
            Edit(
                "worker/perturb/invariant.py",
                '    "save_load": save_load,\n',
                '    "gradients": _gradients,\n',
            ),
            Edit(
                "worker/perturb/invariant.py",
                "VARIATIONS: Mapping",
                """\
def _gradients(site: Site) -> None:
    site.stack.enter_context(torch.enable_grad())
    site.act()


""",
            ),
        ),
        """\
from pathlib import Path
from harness.trials.invariants import asked_of
(case,) = loaded("invariants: {gradients: {rel_l2: 0.5}}")
assert case.invariants[0].allowance.stated() == {"rel_l2": 0.5}
(asked,) = asked_of([case], Path("out"))
assert asked.trial.perturbation.name == "invariant.gradients" and asked.trial.case == case
""",
        """\
import torch
from harness.core.perturbation import Perturbation
from harness.worker.perturb.catalogue import Perturbed, Where
with torch.no_grad():
    perturbed = Perturbed(object(), Perturbation("invariant.gradients"))
    with perturbed.planted(Where.INSIDE):
        assert not torch.is_grad_enabled()
    with perturbed.planted(Where.BETWEEN):
        assert torch.is_grad_enabled() and perturbed.acted == 1
""",
    ),
    "an invariant of an option": Addition(
        (
            Edit("core/invariant.py", '    HALF = "half"\n', '    CHANNELS_LAST = "channels_last"\n'),
            Edit(
                "config/schema/models.py",
                "    half: HalfLimits",
                """\
    channels_last: Literal["exact"] | MetricLimits = Field(
        default=_NOT_GIVEN, description="the denoiser's weights laid out channels last"
    )
""",
            ),
            Edit(
                "trials/invariants.py",
                "        case InvariantKind.COMPILE:\n",
                """\
        case InvariantKind.CHANNELS_LAST:
            return replace(case, variant=replace(case.variant, channels_last=("unet",)))
""",
            ),
        ),
        """\
from pathlib import Path
from harness.trials.invariants import asked_of
(case,) = loaded("invariants: {channels_last: exact}")
(asked,) = asked_of([case], Path("out"))
assert asked.trial.case.variant.channels_last == ("unet",) and asked.trial.perturbation is None
(same,) = loaded("channels_last: [unet]\\ninvariants: {channels_last: exact}")
(asked,) = asked_of([same], Path("out"))
assert asked.trial is None and "already runs that way" in asked.reason
""",
    ),
    "a key of a config": Addition(
        (
            Edit(
                "config/schema/models.py",
                "    golden: Literal",
                '    further_steps: int = Field(default=0, ge=0, description="steps beyond `steps`")\n',
            ),
            Edit("core/case.py", "    @property\n    def trace_level", "    further_steps: int = 0\n\n"),
            Edit(
                "core/case.py",
                '            "call": dict(self.call),\n',
                '            "further_steps": self.further_steps or None,\n',
            ),
            Edit(
                "worker/inputs/arguments.py",
                "    if isinstance(case.steps, int):\n",
                """\
    if case.further_steps and isinstance(case.steps, int):
        return {"num_inference_steps": case.steps + case.further_steps}
""",
            ),
        ),
        """\
(plain,) = loaded("steps: 2")
(more,) = loaded("steps: 2\\nfurther_steps: 3")
assert (plain.further_steps, more.further_steps) == (0, 3)
assert "further_steps" not in plain.definition() and more.definition()["further_steps"] == 3
assert "further_steps" in refused("further_steps: -1")
""",
        """\
from harness.worker.inputs.arguments import assemble
(case,) = loaded("steps: 2\\nfurther_steps: 3\\ngenerator: none")
assert assemble(lambda num_inference_steps: None, case, None)[0] == {"num_inference_steps": 5}
""",
    ),
}

PRELUDE = """\
import sys, tempfile
from pathlib import Path
import harness
from harness.config.load import load_cases
from harness.errors import ConfigError

assert Path(harness.__file__).parent.parent == Path(sys.path[0]), harness.__file__

def loaded(more):
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "a.yaml").write_text("pipeline: DDPMPipeline\\nmodel: {id: org/name}\\n" + more)
        return load_cases(Path(folder)).cases

def refused(more):
    try:
        raise AssertionError(f"accepted: {loaded(more)}")
    except ConfigError as error:
        return str(error)

"""
