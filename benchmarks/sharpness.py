"""Compare the tolerances of other projects with calibrated ones, on the same runs: missed faults and false alarms.

Every case runs with every fault of `harness sensitivity` and every benign variation of `harness calibrate`,
plain and under forced replay, and each rule judges the same pairs of outputs. The limits come from the
benign runs themselves; each benign run is judged by limits that were derived without its family.

    python benchmarks/sharpness.py [--jobs 1] [--cases ID,ID] [--captures DIR]

It regenerates docs/sharpness.md in some minutes on two cores. With --captures it keeps the runs in that folder,
and judges earlier runs again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]
os.environ["HF_HUB_OFFLINE"] = "1"

from sharpness_rules import OTHERS, Image  # noqa: E402

from harness.codec import from_json, to_json  # noqa: E402
from harness.config.load import load_cases  # noqa: E402
from harness.core.capture import Completed, Outcome  # noqa: E402
from harness.core.case import Case  # noqa: E402
from harness.core.environment import Environment  # noqa: E402
from harness.core.measured import limits  # noqa: E402
from harness.core.measured.calibration import Effect, VariedRun  # noqa: E402
from harness.core.measured.limits import COMBINED  # noqa: E402
from harness.core.measured.mutants import MUTANTS  # noqa: E402
from harness.core.perturbation import Perturbation  # noqa: E402
from harness.core.results.verdict import PASSES  # noqa: E402
from harness.core.tolerance import Limits, Relation  # noqa: E402
from harness.core.trace import TraceLevel  # noqa: E402
from harness.golden.tensors import TensorFile  # noqa: E402
from harness.golden.trace import read_trace  # noqa: E402
from harness.judge.floors import boundary_floors, floors, scales  # noqa: E402
from harness.judge.traces.boundaries import judge_boundaries  # noqa: E402
from harness.measure.detection import Base, LimitSet, seen  # noqa: E402
from harness.measure.noise import (  # noqa: E402
    Incomparable,
    boundary_noise,
    moved,
    output_noise,
)
from harness.measure.variations import Variation, variations  # noqa: E402
from harness.run.executor import LocalExecutor  # noqa: E402
from harness.run.pool import WorkerPool  # noqa: E402
from harness.run.trial import Trial  # noqa: E402

PAGE = ROOT / "docs/sharpness.md"
IMAGES = "output/images"
OUTPUT, CHANNELS = "calibrated limits", "calibrated limits, exact channel, forced boundaries"
RULES = (*OTHERS, OUTPUT, CHANNELS)

STEPS: Mapping[str, int | Mapping[str, int]] = {
    "ddim/cpu-generator": 2,
    "ddim/fifty-steps@seed=0": 50,
    "sd/ddim-latents": 4,
    "unclip/digits": {"prior": 3, "decoder": 3, "super_res": 2},
}
"""The cases, all with float images as output, and their number of steps here."""

PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE"}


@dataclass(frozen=True, slots=True)
class Planned:
    """One change of a case: a benign variation, or the fault `name` (`variation` is then None)."""

    name: str
    plain: Trial
    forced: Trial | None
    variation: Variation | None = None

    @property
    def runs(self) -> tuple[Trial, ...]:
        return (self.plain, self.forced) if self.forced else (self.plain,)


@dataclass(frozen=True, slots=True)
class Judged:
    """A fault (`family` is then empty) or a benign run, and the rules that it violates."""

    name: str
    family: str
    fails: frozenset[str]


@dataclass(frozen=True, slots=True)
class Allowance:
    """The calibrated limits, by output and by boundary."""

    outputs: Mapping[str, Limits]
    boundaries: Mapping[str, float]


class Silent:
    """Watches nothing."""

    def started(self, run: Trial) -> None: ...

    def progressed(self, run: Trial, progress: object) -> None: ...

    def finished(self, run: Trial, outcome: Outcome) -> None: ...


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--cases", default=",".join(STEPS))
    parser.add_argument("--captures", type=Path)
    arguments = parser.parse_args()
    names = arguments.cases.split(",")
    with tempfile.TemporaryDirectory() as folder:
        rows = measured(names, arguments.captures or Path(folder), arguments.jobs)
    text = page(rows)
    print(text)
    PAGE.write_text(text)


def measured(names: Sequence[str], folder: Path, jobs: int) -> Mapping[str, Sequence[Judged]]:
    """Every case run with everything planned, and judged."""
    cases = [chosen(name) for name in names]
    bases = {case.id: base_run(case, folder) for case in cases}
    do(list(bases.values()), folder / "logs", jobs)
    plans = {case.id: list(planned(case, bases[case.id], folder)) for case in cases}
    do([run for plan in plans.values() for one in plan for run in one.runs], folder / "logs", jobs)
    return {case.id: judged(case, bases[case.id], plans[case.id]) for case in cases}


def chosen(name: str) -> Case:
    [case] = [case for case in load_cases(ROOT / "configs").cases if case.id == name]
    return replace(case, steps=STEPS[name], call={**case.call, "output_type": "np"})


def base_run(case: Case, folder: Path) -> Trial:
    return Trial(case, folder / case.id / "base.safetensors", trace=TraceLevel.FULL, variables=PASSIVE)


def do(runs: Sequence[Trial], logs: Path, jobs: int) -> None:
    """Run what has no outcome yet, and keep each outcome next to its capture."""
    left = [run for run in runs if not outcome_path(run).exists()]
    with WorkerPool(LocalExecutor("cpu", logs), Silent()) as pool:
        for number, (run, outcome) in enumerate(pool.conduct(left, jobs), 1):
            found = json.dumps([outcome.kind, getattr(outcome, "reason", "")])
            if isinstance(outcome, Completed):
                found = json.dumps([outcome.kind, to_json(outcome.environment)])
            outcome_path(run).parent.mkdir(parents=True, exist_ok=True)
            outcome_path(run).write_text(found)
            print(f"\r{number} of {len(left)} {run.capture.stem:60}", end="", file=sys.stderr, flush=True)


def outcome_path(run: Trial) -> Path:
    return run.capture.with_suffix(".json")


def outcome_kind(run: Trial) -> str:
    return str(json.loads(outcome_path(run).read_text())[0])


def planned(case: Case, base: Trial, folder: Path) -> Iterator[Planned]:
    here = from_json(Environment, json.loads(outcome_path(base).read_text())[1])
    with TensorFile(base.capture) as file:
        trace = read_trace(file)
        assert trace is not None
        networks = [name for name, part in trace.structure.components.items() if part.modules]
    for fault in MUTANTS.values():
        plain = replace(base, capture=folder / case.id / f"{fault.name}.safetensors",
                        trace=TraceLevel.COMPONENTS,
                        perturbation=Perturbation(fault.name, fault.strength))  # fmt: skip
        yield Planned(fault.name, plain, again(plain, base))
    for one in variations(case, here, networks):
        plain = Trial(one.case, folder / case.id / f"{one.name.replace(' ', '-')}.safetensors", 0,
                    TraceLevel.COMPONENTS, None, one.perturbation, {**PASSIVE, **one.variables})  # fmt: skip
        if one.counted:
            yield Planned(one.name, plain, again(plain, base) if one.replayed else None, one)


def again(plain: Trial, base: Trial) -> Trial:
    """The same under forced replay of `base`."""
    capture = plain.capture.with_name(f"{plain.capture.stem}-forced.safetensors")
    return replace(plain, capture=capture, trace=TraceLevel.FULL, forced=base.capture)


def judged(case: Case, base: Trial, plans: Sequence[Planned]) -> Sequence[Judged]:
    """Every fault that applies and changes something, then every benign run that does."""
    with TensorFile(base.capture) as file:
        trace = read_trace(file)
        assert trace is not None
        known = Base(file, trace)
        evidence = {one.name: found for one in plans if one.variation and (found := noise(known, one))}
        everything = allowance(known, list(evidence.values()))
        faults = [one for one in plans if one.variation is None and differs(case, known, one)]
        rows = [Judged(one.name, "", fails(case, known, one, everything)) for one in faults]
        for one in plans:
            if one.variation and one.name in evidence:
                family = one.variation.family
                others = without(family, list(evidence.values()))
                rows.append(Judged(one.name, family, fails(case, known, one, allowance(known, others))))
    return rows


def noise(base: Base, one: Planned) -> VariedRun | None:
    """The noise of a benign variation; None if it cannot run here or changes no bit."""
    if one.variation is None or outcome_kind(one.plain) != "completed":
        return None
    with TensorFile(one.plain.capture) as varied:
        if varied.document.perturbed == 0 or not moved(base.file, varied, base.trace, read_trace(varied)):
            return None
        outputs = output_noise(base.file, varied)
    found = VariedRun(one.variation.family, one.name, Effect.COUNTED, outputs=outputs)
    if one.forced is None or outcome_kind(one.forced) != "completed":
        return found
    with TensorFile(one.forced.capture) as forced:
        replayed = read_trace(forced)
        assert replayed is not None
        return replace(found, boundaries=boundary_noise(base.trace, replayed, seeded=True))


def without(family: str, evidence: Sequence[VariedRun]) -> Sequence[VariedRun]:
    kept = [one for one in evidence if one.family != family]
    return [one for one in kept if family not in COMBINED.get(one.family, ())
            and one.family not in COMBINED.get(family, ())]  # fmt: skip


def allowance(base: Base, evidence: Sequence[VariedRun]) -> Allowance:
    found = limits.output_limits(evidence, floors(scales(base.file)))
    lowest = boundary_floors(base.trace)
    once = {**dict.fromkeys(lowest, 0.0), **limits.boundary_envelope(evidence)}
    return Allowance({one.output: one.same_hardware for one in found}, limits.boundary_limits(once, lowest))


def differs(case: Case, base: Base, one: Planned) -> bool:
    """Whether a fault ran, was triggered and changed a bit; if the pipeline raises, there is no output to judge."""
    if outcome_kind(one.plain) != "completed":
        return False
    with TensorFile(one.plain.capture) as now:
        return (
            bool(now.document.perturbed) and not seen(base, now, LimitSet({}, {}, case.accept_exact)).nothing
        )


def fails(case: Case, base: Base, one: Planned, allowed: Allowance) -> frozenset[str]:
    """The rules that tell the run from the base."""
    with TensorFile(one.plain.capture) as now:
        ours, theirs = image(base.file), image(now)
        alike = ours.shape == theirs.shape
        found = {name for name, rule in OTHERS.items() if not (alike and rule(ours, theirs))}
        if beyond(base, now, allowed):
            found |= {OUTPUT, CHANNELS}
        limit_set = LimitSet({}, allowed.boundaries, case.accept_exact)
        # A batch of two has other shapes inside, which the exact channel would rightly report.
        is_batch = one.variation is not None and one.variation.family == "batch"
        if not is_batch and any(finding.fails for finding in seen(base, now, limit_set).findings):
            found.add(CHANNELS)
    if one.forced is not None and outcome_kind(one.forced) == "completed" and part(base, one.forced, allowed):
        found.add(CHANNELS)
    return frozenset(found)


def image(file: TensorFile) -> Image:
    info = file.tensors[IMAGES]
    return np.concatenate([piece.ravel() for piece in file.arrays(IMAGES)]).reshape(info.shape)


def beyond(base: Base, now: TensorFile, allowed: Allowance) -> bool:
    if str(base.file.tensors[IMAGES]) != str(now.tensors[IMAGES]):
        return True
    try:
        noises = output_noise(base.file, now)
    except Incomparable:
        return True
    for output in noises:
        for metric, limit in allowed.outputs[output.output].stated().items():
            value = output.metrics[metric]
            if value is None or value > limit:
                return True
    return False


def part(base: Base, forced: Trial, allowed: Allowance) -> bool:
    """Whether a boundary lies beyond its limit."""
    with TensorFile(forced.capture) as file:
        trace = read_trace(file)
        assert trace is not None
        found = judge_boundaries(base.trace, trace, Relation.SAME_HARDWARE, limits=allowed.boundaries)
    return any(one.verdict not in PASSES for one in found)


HEAD = """\
# The tolerances of other projects, on the same runs

Which rule tells a fault from noise? We planted the faults of [`harness sensitivity`](sensitivity.md) in a pipeline,
one at a time, and ran the benign variations of [`harness calibrate`](tolerances.md) as well (one-ulp noise, threads,
instruction sets, attention implementations, memory layouts, a batch of two). Every rule judged the same pairs of
float images. A fault that a rule passes is missed; a benign run that it rejects is a false alarm. Faults that
change no bit, make the pipeline raise, or do not apply to it are left out. The calibrated limits for a benign run
were derived without its family, so that no run helps to excuse itself.

`python benchmarks/sharpness.py` regenerates this page.

"""

NOTES = """\
The rules: the last 3 x 3 pixels of the last channel as in most of diffusers' pipeline tests; diffusers'
`assert_mean_pixel_difference` over 8-bit images; SSIM after Wang et al. (2004) with flat 7 x 7 windows; diffusers'
`numpy_cosine_similarity_distance`; `torch.testing.assert_close` with its tolerances for float32 (rtol 1.3e-6, atol
1e-5). *Calibrated limits* are three times the largest benign rel_l2 of the output and five times its max abs; the last
row adds the [exact channel and forced replay](explain.md), as `harness verify --forced` does. A batch of two has other
internal shapes, so only its output is judged. sha256 misses a fault that shows only in the trace, such as train mode
in a network without dropout.

Few steps keep the noise small. This page does not show how a constant performs on a noisier case: in bfloat16 alone the
noise is thousands of times as large ([how the noise grows](tolerances.md#how-the-noise-grows)).
"""


def page(rows: Mapping[str, Sequence[Judged]]) -> str:
    total = [one for found in rows.values() for one in found]
    tables = [table(f"`{name}`, {steps_words(name)}", found) for name, found in rows.items()]
    return HEAD + table("All together", total) + "".join(tables) + NOTES + missed(rows)


def steps_words(name: str) -> str:
    steps = STEPS[name]
    counts = [steps] if isinstance(steps, int) else list(steps.values())
    return f"{' + '.join(str(count) for count in counts)} steps"


def table(title: str, rows: Sequence[Judged]) -> str:
    faults = [one for one in rows if not one.family]
    benign = [one for one in rows if one.family]
    head = f"## {title}\n\n| rule | missed of {len(faults)} faults | false alarms of {len(benign)} benign runs |\n"
    lines = [
        f"| {rule} | {sum(rule not in one.fails for one in faults)} | {sum(rule in one.fails for one in benign)} |\n"
        for rule in RULES
    ]
    return head + "| --- | ---: | ---: |\n" + "".join(lines) + "\n"


def missed(rows: Mapping[str, Sequence[Judged]]) -> str:
    """The errors of our own rules, by name."""
    lines = []
    for name, found in rows.items():
        for rule in (OUTPUT, CHANNELS):
            wrong = [f"`{one.name}`" for one in found if (rule in one.fails) == bool(one.family)]
            lines.append(f"- `{name}`, {rule}: {', '.join(wrong) or 'none'}\n")
    return "\nFaults that our limits missed, and their false alarms, by name:\n\n" + "".join(lines)


if __name__ == "__main__":
    main()
