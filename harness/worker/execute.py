"""Run one case from loaded pipeline to written capture."""

from __future__ import annotations

import re
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from diffusers import DiffusionPipeline

from harness.core.capture import Completed, Lost, Outcome, ProcessKind, Raised, Timings, Unavailable
from harness.core.case import Attention, Case, GeneratorKind, Values
from harness.core.environment import Environment
from harness.core.messages import Job, Progress
from harness.core.results.next_step import advice
from harness.core.results.reasons import MissingName, OtherDevice
from harness.errors import HarnessError
from harness.worker import outputs, peak, preparation, seeding
from harness.worker.environment import determinism, fingerprint
from harness.worker.environment.classes import Unimportable
from harness.worker.environment.device_errors import device_problem
from harness.worker.environment.packages import missing_name, missing_package
from harness.worker.environment.startup import failed_sites, in_words, root_of
from harness.worker.heard import Heard, forget_in, listening
from harness.worker.inputs import arguments, inputs
from harness.worker.loading.alignment import align
from harness.worker.loading.load import Loaded, PipelineCache, beyond_diffusers
from harness.worker.model_files.additions import Files
from harness.worker.model_files.hub_errors import ModelUnavailable
from harness.worker.perturb.catalogue import Perturbed, Where
from harness.worker.perturb.site import NotApplicable
from harness.worker.portable import holes, proof
from harness.worker.progress import reported
from harness.worker.record import write_capture
from harness.worker.rejection import Lacking, NotTaken, Rejection
from harness.worker.state.leftovers import Leftovers
from harness.worker.trace.recorder import Recorded
from harness.worker.trace.session import recording

_ON_CUDA_ONLY = (Attention.EFFICIENT, Attention.CUDNN)


_LOG_LINES = 20

# The message of diffusers and transformers for a failed lazy import, without the reason.
_LAZY_IMPORT = re.compile(r"(?:Failed to import|Could not import module) \S+(?=[ .])")

_FITTING = "install compatible versions of diffusers and of the packages that it imports"


@dataclass(frozen=True, slots=True)
class _Produced:
    """The results of one call of a pipeline."""

    outputs: outputs.Outputs
    seconds: float
    memory: int | None
    global_rngs: tuple[str, ...]
    filled_in: Values
    recorded: Recorded | None
    perturbed: int | None
    files: Files


class JobRunner:
    """Runs jobs on one device and keeps what they share; `process` says how this process was started."""

    def __init__(
        self, device: torch.device, report: Callable[[Progress], None], process: ProcessKind = "spawned"
    ) -> None:
        self._device = device
        self._report = report
        self._process = process
        self._cache = PipelineCache()
        self._leftovers = Leftovers()
        self._compiled = False

    @property
    def spent(self) -> bool:
        """Whether a run changed this process so that no other run may use it."""
        return self._leftovers.spent or self._compiled

    def run(self, job: Job) -> Outcome:
        """Run the job's case; every failure is returned as an outcome."""
        case = job.case
        try:
            if unfit := _unfit(case, self._device):
                return unfit
            threads = determinism.thread_count(case.determinism)
            determinism.apply(case.determinism, threads)
            with self._leftovers.watched():
                return self._run(job, threads)
        finally:
            with suppress(OSError):
                Path(job.spool).unlink(missing_ok=True)

    def _run(self, job: Job, threads: int) -> Outcome:
        case = job.case
        started = time.perf_counter()
        switches = determinism.read_back()
        environment = fingerprint.environment(self._device, switches)
        holes.forget()
        heard = Heard()
        try:
            self._report(Progress("loading", 0, 0))
            with listening(heard):
                loaded, load_seconds = self._cache.take(case, self._device)
                forget_in(loaded.pipeline.components.values())
                produced = self._call(job, loaded.pipeline)
        except Exception as error:
            if outcome := _no_result(case, error):
                return outcome
            # The pipeline raised: that is a result. The parent judges it `broken` and starts a new worker.
            message = str(error) if isinstance(error, NotTaken) else _one_line(error)
            seconds = time.perf_counter() - started
            environment = _kept_off(environment, self._holes(case))
            return Raised(message, traceback.format_exc(), environment, seconds, heard.sentences())
        used = self._holes(case)
        warnings = (
            *loaded.warnings,
            *inputs.lost(case),
            *heard.sentences(),
            *failed_sites(),
            *determinism.overridden(job.overridden, self._device.type),
            *determinism.not_in_effect(case.determinism, threads, switches),
            *_not_portable(case, environment, used),
            *self._leftovers.found(thorough=beyond_diffusers(case)),
        )
        environment = fingerprint.with_imported(_kept_off(environment, used))
        distinct = tuple(dict.fromkeys(warnings))
        problem = _stored(job, loaded, produced, environment, load_seconds, distinct, self._process)
        return problem or Completed(job.capture, environment, time.perf_counter() - started)

    def _holes(self, case: Case) -> tuple[str, ...]:
        """The operations that keep the run from being portable; unrequested compilation spends the process.

        The result is meaningless for a process that was not portable before the run.
        """
        declared = case.variant.compile is not None
        self._compiled = self._compiled or (holes.compiled() and not declared)
        undone = proof.why_not()
        used = (*holes.used(self._device.type), *([f"the run undid it ({undone})"] if undone else ()))
        by_config = declared and self._device.type == "cpu" and holes.COMPILED not in used
        return (*used, holes.COMPILED) if by_config else used

    def _call(self, job: Job, pipeline: DiffusionPipeline) -> _Produced:
        case = job.case
        generator = seeding.fresh_generator(case, self._device)
        keywords, filled_in = arguments.assemble(pipeline, case, generator)
        seeding.seed_globals(_global_seed(case, arguments.takes_generator(pipeline)))
        perturbed = Perturbed(pipeline, job.perturbation)
        peak.forget(self._device)
        before, started = seeding.global_states(), time.perf_counter()
        with (
            reported(lambda step, total: self._report(Progress("running", step, total))),
            perturbed.planted(Where.INSIDE),
            recording(pipeline, job.trace, Path(job.spool), job.forced) as session,
            perturbed.planted(Where.BETWEEN),
            torch.no_grad(),
        ):
            files = preparation.prepare(pipeline, case, self._device)
            if case.before:  # the calls may have loaded unaligned tensors
                align(pipeline)
            session.inputs(keywords)
            output = pipeline(**keywords)
            self._leftovers.inside()
            session.output(output)
        flat = outputs.flatten(output)
        seconds, memory = time.perf_counter() - started, peak.since_forgotten(self._device)
        drawn = seeding.drawn_from(before, seeding.global_states())
        recorded, acted = session.finish(), perturbed.acted
        return _Produced(flat, seconds, memory, drawn, filled_in, recorded, acted, files)


def _unfit(case: Case, device: torch.device) -> Unavailable | None:
    """Why the case cannot or must not run on this kind of device; checked before any model is fetched."""
    if case.devices and device.type not in case.devices:
        reason = f"{device.type}: the case runs only on {' or '.join(case.devices)}; choose one with --device"
        return Unavailable(reason, OtherDevice(device.type, tuple(case.devices)))
    if case.determinism.attention in _ON_CUDA_ONLY and device.type != "cuda":
        name = case.determinism.attention
        reason = f"determinism.attention: {name}: torch has this backend on CUDA only, not on {device.type}"
        return Unavailable(reason)
    return None


def _kept_off(environment: Environment, reasons: Sequence[str]) -> Environment:
    """The environment of a run that is not portable for these reasons, if there are any."""
    if not (reasons and environment.switches.portable):
        return environment
    switches = replace(environment.switches, portable=False)
    return replace(environment, switches=switches, not_portable="; ".join(reasons))


def _not_portable(case: Case, environment: Environment, reasons: Sequence[str]) -> Iterator[str]:
    """What keeps an otherwise portable run from being portable, one sentence each."""
    if case.determinism.portable and environment.switches.portable:
        step = f"remove that, or state `determinism: {{portable: false}}` in {case.source}"
        yield from (f"determinism.portable is not in effect: {reason}; {step}" for reason in reasons)


def _no_result(case: Case, error: Exception) -> Unavailable | Lost | None:
    """The outcome of an error that is not the pipeline's fault; None if it is."""
    if isinstance(error, ModelUnavailable | NotApplicable):
        return Unavailable(str(error))
    if isinstance(error, NotTaken):
        return None
    if isinstance(error, Lacking):
        return Lost(f"{case.source}: {error}", lacking=MissingName(error.name, error.fact))
    if isinstance(error, Rejection | outputs.UnknownOutput):
        return Lost(f"{case.source}: {error}")
    if isinstance(error, HarnessError):
        # The recorder or the replayed golden failed, not the pipeline.
        return Lost(str(error))
    if problem := device_problem(error):
        return Lost(problem, _traceback(error))
    if package := missing_package(error):
        what = _needs(case, package, error)
        return Unavailable(f"{what}; pip install {package}", lacking=MissingName(package, what))
    if isinstance(error, Unimportable):
        lacking = MissingName(missing_name(error), str(error))
        return Lost(str(error), _traceback(error.__cause__), advice(_FITTING), lacking)
    return None


def _traceback(error: BaseException | None) -> tuple[str, ...]:
    """The last lines of the error's own traceback."""
    text = "".join(traceback.format_exception(error)) if error else ""
    return tuple(text.splitlines()[-_LOG_LINES:])


def _needs(case: Case, package: str, error: Exception) -> str:
    return f"{case.pipeline} needs the package {package}, which is not installed ({_one_line(error)})"


def _stored(
    job: Job,
    loaded: Loaded,
    produced: _Produced,
    environment: Environment,
    load_seconds: float,
    warnings: tuple[str, ...],
    process: ProcessKind,
) -> Lost | None:
    """Write the capture; Lost if that fails, since the pipeline itself did not fail."""
    try:
        write_capture(
            Path(job.capture),
            job.case,
            produced.outputs,
            environment,
            seconds=Timings(load_seconds, produced.seconds, produced.memory),
            global_rngs=produced.global_rngs,
            filled_in=produced.filled_in,
            commit=loaded.commit,
            weights=loaded.weights,
            files={**loaded.files, **produced.files},
            warnings=warnings,
            recorded=produced.recorded,
            perturbed=produced.perturbed,
            forced=job.forced is not None,
            process=process,
        )
    except Exception as error:
        return Lost(
            f"{job.capture}: the capture cannot be written ({_one_line(error)}); make room and run again"
        )
    return None


def _global_seed(case: Case, takes_generator: bool) -> int | None:
    """The seed of the global generators; None leaves them unseeded.

    A case that passes no generator to a pipeline that takes one is unseeded on purpose. A pipeline that
    takes none can be seeded only this way.
    """
    if case.generator is GeneratorKind.NONE and takes_generator:
        return None
    return case.seed


def _one_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    if (lazy := _LAZY_IMPORT.match(lines[0])) and error.__cause__ is not None:
        return f"{type(error).__name__}: {lazy.group()} ({in_words(root_of(error))})"
    first, dot, _begun = lines[0].rpartition(". ")
    # Drop a sentence that continues on the next line.
    whole = f"{first}." if dot and len(lines) > 1 and lines[0][-1] not in ".!?:" else lines[0]
    return f"{type(error).__name__}: {whole}"
