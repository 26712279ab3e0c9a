"""`harness env --portable`: the known-answer test of this machine, against the record and a golden."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from harness.core.capture import Lost
from harness.core.case import Determinism
from harness.core.environment import Environment
from harness.core.known_answers import Proof, answers_of, builds
from harness.core.messages import Ready
from harness.errors import HarnessError
from harness.report import json_report
from harness.report.terminal import Screen
from harness.run.execute import first_word
from harness.workflow.emit import emit_json
from harness.workflow.env import not_had, read_fingerprint
from harness.workflow.options import Options

_DEVICE = "cpu"

_NOT_RECORDED = "it holds no known answers: it was not recorded by a portable run"


def show_proof(file: Path | None, options: Options, screen: Screen, *, everything: bool) -> int:
    """Print (and save with --json) the table; 0 where this machine is portable and `file`, if there is one, agrees.

    Of the operations only those that differ are shown, unless `everything` is asked for. Raises HarnessError where no
    worker comes up, UsageError where `file` holds no fingerprint.
    """
    golden = read_fingerprint(file) if file else None
    with TemporaryDirectory(prefix="harness-env-") as logs:
        ready = first_word(Determinism(portable=True), _DEVICE, Path(logs), options.starts)
    if isinstance(ready, Lost):
        raise not_had(ready, _DEVICE)
    proof = _proof(ready, golden, file)
    emit_json(json_report.proof_json(proof), options)
    screen.show_proof(proof, everything=everything)
    return 0 if proof.holds else 1


def _proof(ready: Ready, golden: Environment | None, file: Path | None) -> Proof:
    here = ready.environment
    if here is None:
        raise HarnessError(f"{_DEVICE}: {ready.reason}")
    return Proof(
        portable=here.switches.portable,
        reason=here.not_portable or "",
        cpu=here.hardware.cpu_model or here.hardware.machine,
        builds=builds(here.software),
        remembered=ready.remembered,
        answers=answers_of(here, golden),
        golden=str(file) if file else None,
        golden_reason=_golden_reason(golden) if golden else "",
    )


def _golden_reason(golden: Environment) -> str:
    return "" if golden.switches.portable else golden.not_portable or _NOT_RECORDED
