"""What `record` tells of a case as a judge: whether rounding grows beyond use, and which inputs do nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.core.capture import Completed
from harness.core.case import Case
from harness.core.measured.calibration import Evidence
from harness.core.measured.limits import amplification
from harness.core.perturbation import Perturbation
from harness.core.trace import TraceLevel
from harness.errors import UnreadableGolden
from harness.golden.tensors import TensorFile
from harness.golden.trace import read_trace
from harness.invocation.options import Options
from harness.judge.weaknesses import amplification_weakness, input_weaknesses
from harness.measure.evidence import argument_shapes, moved_by, replay_noise, same_outputs
from harness.measure.noise import Incomparable
from harness.measure.variations import probes
from harness.report.progress import Progress
from harness.run.queue import Run
from harness.trials.conduct import capture_path, run_all

_ULP = Perturbation("benign.ulp", 1.0, 1)

_BASE, _PLAIN, _FORCED = "gate-base", "gate-ulp", "gate-ulp-forced"
_INPUT = "gate-input-"


@dataclass(slots=True)
class _Tried:
    """A recorded case, a capture of it with a full trace, and its varied runs: what they gave, how many are to come.

    `temporary` is whether the base is one of these runs as well.
    """

    case: Case
    base: Path
    temporary: bool = False
    captures: dict[str, Path] = field(default_factory=dict)
    waiting: int = 0


def weaknesses(
    recorded: Sequence[tuple[Case, Path]], options: Options, progress: Progress
) -> Mapping[str, tuple[str, ...]]:
    """Warnings by case id, from two runs with one-ulp noise and one with each input replaced.

    `recorded` are cases with the capture that was accepted. What cannot be run or compared is left out: it
    tells nothing about the case. Raises UnreadableGolden for an accepted capture that is damaged by now.
    """
    # Of two runs that differ anyway nothing follows.
    cases = [(case, capture) for case, capture in recorded if not case.allow_nondeterministic]
    tried = _with_full_traces(cases, options, progress)
    runs = {run.capture: run for one in tried.values() for run in _runs(one, options.out)}
    for run in runs.values():
        tried[run.case.id].waiting += 1
    found = dict[str, tuple[str, ...]]()
    for run, outcome in run_all(list(runs.values()), options, progress) if runs else ():
        one = tried[run.case.id]
        one.waiting -= 1
        if isinstance(outcome, Completed):
            one.captures[run.capture.stem] = run.capture
        if not one.waiting:
            found[run.case.id] = tuple(_warnings(one))
            _discard(one)
    return found


def _discard(one: _Tried) -> None:
    """Full traces of many cases are large: each goes as soon as it has told what it can."""
    for path in (*one.captures.values(), *((one.base,) if one.temporary else ())):
        path.unlink(missing_ok=True)


def _with_full_traces(
    cases: Sequence[tuple[Case, Path]], options: Options, progress: Progress
) -> dict[str, _Tried]:
    """The cases by id, those whose capture keeps too little to be replayed run once more."""
    tried = {case.id: _Tried(case, capture) for case, capture in cases}
    runs = [
        Run(case, capture_path(options.out, case, _BASE), trace=TraceLevel.FULL, further=True)
        for case, capture in cases
        if _level(capture) is not TraceLevel.FULL
    ]
    for run, outcome in run_all(runs, options, progress) if runs else ():
        if isinstance(outcome, Completed):
            tried[run.case.id] = _Tried(run.case, run.capture, temporary=True)
    return tried


def _level(capture: Path) -> TraceLevel | None:
    with TensorFile(capture) as file:
        trace = read_trace(file)
    return trace.index.level if trace else None


def _runs(one: _Tried, out: Path) -> Iterator[Run]:
    if _level(one.base) is TraceLevel.FULL:
        for number, (name, forced) in enumerate(((_PLAIN, None), (_FORCED, one.base)), 1):
            capture = capture_path(out, one.case, name)
            yield Run(one.case, capture, number, TraceLevel.FULL, forced, _ULP, further=True)
    with TensorFile(one.base) as base:
        shapes = argument_shapes(read_trace(base))
    for number, probe in enumerate(probes(one.case, shapes), 3):
        capture = capture_path(out, one.case, _INPUT + probe.key)
        yield Run(probe.case, capture, number, TraceLevel.NONE, further=True)


def _warnings(one: _Tried) -> Iterator[str]:
    with suppress(Incomparable, UnreadableGolden):
        if _PLAIN in one.captures and _FORCED in one.captures:
            yield from map(str, amplification_weakness(amplification([_moved_by_an_ulp(one)])))
    with suppress(UnreadableGolden):
        inputs = {name.removeprefix(_INPUT): path for name, path in one.captures.items() if _INPUT in name}
        idle = [key for key, path in inputs.items() if same_outputs(one.base, path)]
        yield from map(str, input_weaknesses(idle))


def _moved_by_an_ulp(one: _Tried) -> Evidence:
    with TensorFile(one.base) as base, TensorFile(one.captures[_PLAIN]) as varied:
        found = moved_by(base, varied, "ulp", _PLAIN)
    return replace(found, boundaries=replay_noise(one.case, one.base, one.captures[_FORCED]))
