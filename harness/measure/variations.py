"""The benign variations that a case is calibrated with: what may change without a fault in the pipeline."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from harness.core.case import Attention, Case, Offload
from harness.core.environment import Environment, Switches
from harness.core.perturbation import Perturbation
from harness.core.variables import THREAD_POOLS

ULP_SEEDS = 8
"""Size of the one-ulp ensemble; 4 draws underestimate oneDNN and channels_last by up to 3 x, 16 by up to 1.8 x."""

ULP_REPLAYED = 2
"""How many draws are also replayed; few, since the error of one call hardly depends on the draw."""

THREADS = (2, 4)

_X86 = ("x86_64", "amd64")
_CAPABILITIES = {"AVX512": ("default", "avx2"), "AVX2": ("default",)}
_ONEDNN_ISAS = ("SSE41", "AVX2")
_OLD_CPU = {
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "MKL_CBWR": "COMPATIBLE",
}
_IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
_OTHER_PROMPT = "something else entirely, at night"
_OTHER_SEED = 987_654_321


@dataclass(frozen=True, slots=True)
class Variation:
    """One way to run a case differently that a sound pipeline tolerates.

    `replayed` also runs it under forced replay. If a variation is measured but not `counted`, `why` gives the
    reason.
    """

    family: str
    name: str
    case: Case
    perturbation: Perturbation | None = None
    variables: Mapping[str, str | None] = field(default_factory=dict)
    replayed: bool = True
    why: str = ""

    @property
    def counted(self) -> bool:
        """Whether limits are derived from it; otherwise it is only shown."""
        return not self.why


@dataclass(frozen=True, slots=True)
class Probe:
    """The case with one input replaced: if the run gives the same bits, `key` has no effect."""

    key: str
    case: Case


def variations(case: Case, here: Environment, networks: Sequence[str]) -> tuple[Variation, ...]:
    """Every variation that can be tried on `case`, whose unvaried run had the environment `here`.

    `networks` are the components that have weights.
    """
    found = [*_perturbed(case), *_setups(case, networks), *_switched(case, here)]
    found += _threads(case, here.switches)
    if here.hardware.machine.lower() in _X86:
        sets = _pinned_instruction_sets if here.switches.portable else _instruction_sets
        found += [*sets(case, here.switches), *_old_cpu(case, here.switches)]
    return tuple(found)


def probes(case: Case, shapes: Mapping[str, tuple[int, ...]]) -> tuple[Probe, ...]:
    """The case with each prompt and image replaced in turn; `shapes` are those of its arguments, by name."""
    others = {key: _other(key, value, shapes.get(key)) for key, value in case.call.items()}
    return tuple(
        Probe(key, replace(case, call={**case.call, key: other})) for key, other in others.items() if other
    )


def _perturbed(case: Case) -> Iterator[Variation]:
    for seed in range(1, ULP_SEEDS + 1):
        move = Perturbation("benign.ulp", 1.0, seed)
        yield Variation("ulp", f"ulp {seed}", case, move, replayed=seed <= ULP_REPLAYED)
    plain = Perturbation("benign.attention_processor")
    yield Variation("attention-processor", "attention processor", case, plain)
    # The tensors of a batch have other shapes, so its boundaries are not those of the case.
    yield Variation("batch", "batch of 2", case, Perturbation("invariant.batch", 2.0), replayed=False)


def _setups(case: Case, networks: Sequence[str]) -> Iterator[Variation]:
    variant = case.variant
    if variant.memory.attention_slicing is None:
        memory = replace(variant.memory, attention_slicing="max")
        sliced = replace(case, variant=replace(variant, memory=memory))
        yield Variation("attention-slicing", "attention slicing", sliced)
    if networks and not variant.channels_last and variant.memory.offload is Offload.NONE:
        last = replace(case, variant=replace(variant, channels_last=tuple(networks)))
        yield Variation("channels-last", "channels last", last)


def _switched(case: Case, here: Environment) -> Iterator[Variation]:
    on_cuda, wished = here.hardware.device == "cuda", case.determinism
    backends = tuple(Attention) if on_cuda else (Attention.MATH, Attention.DEFAULT)
    for backend in backends:
        if backend is not wished.attention:
            switches = replace(wished, attention=backend)
            yield Variation("sdpa", f"attention {backend}", replace(case, determinism=switches))
    if not on_cuda:
        return
    workspace = ":16:8" if wished.cublas_workspace != ":16:8" else ":4096:8"
    switches = replace(wished, cublas_workspace=workspace)
    yield Variation("cublas-workspace", f"workspace {workspace}", replace(case, determinism=switches))
    switches = replace(wished, cudnn_benchmark=not wished.cudnn_benchmark, cudnn_deterministic=False)
    yield Variation("cudnn-benchmark", "cuDNN benchmark", replace(case, determinism=switches))
    tf32 = "off" if wished.tf32 else "on"
    why = "" if wished.tf32 else "the case keeps TF32 off, so no verified run has it"
    switches = replace(wished, tf32=not wished.tf32)
    yield Variation("tf32", f"TF32 {tf32}", replace(case, determinism=switches), why=why)


def _threads(case: Case, switches: Switches) -> Iterator[Variation]:
    # The variables keep the case's own count: torch sets the sizes of the pools itself, so that no separate
    # process is needed.
    kept: dict[str, str | None] = dict.fromkeys(THREAD_POOLS, str(case.determinism.threads))
    # More threads than cores only wait for each other.
    most = max(2, os.cpu_count() or 1)
    for count in THREADS:
        if count != switches.threads and count <= most:
            varied = replace(case, determinism=replace(case.determinism, threads=count))
            yield Variation(
                "threads", f"{count} threads", varied, variables=_counted_by_caller(count) or kept
            )


def _counted_by_caller(count: int) -> dict[str, str | None]:
    """The caller's thread count overrides that of a case, so it must be replaced if it is set."""
    if "HARNESS_THREADS" not in os.environ:
        return {}
    return dict.fromkeys(("HARNESS_THREADS", *THREAD_POOLS), str(count))


def _instruction_sets(case: Case, switches: Switches) -> Iterator[Variation]:
    for level in _CAPABILITIES.get(switches.cpu_capability, ()):
        variables = {"ATEN_CPU_CAPABILITY": level}
        yield Variation("cpu-capability", f"ATen {level}", case, variables=variables)
    if switches.onednn:
        for isa in _ONEDNN_ISAS:
            variables = {"ONEDNN_MAX_CPU_ISA": isa}
            yield Variation("onednn", f"oneDNN {isa}", case, variables=variables)
    yield Variation("mkl", "MKL COMPATIBLE", case, variables={"MKL_CBWR": "COMPATIBLE"})


def _pinned_instruction_sets(case: Case, switches: Switches) -> Iterator[Variation]:
    """The variations of a portable run, which pins its instruction sets: the oldest, and this CPU's own choice."""
    yield Variation("cpu-capability", "ATen default", case, variables={"ATEN_CPU_CAPABILITY": "default"})
    yield Variation("cpu-capability", "ATen native", case, variables={"ATEN_CPU_CAPABILITY": None})
    if switches.onednn:
        yield Variation("onednn", "oneDNN SSE41", case, variables={"ONEDNN_MAX_CPU_ISA": "SSE41"})
        yield Variation("onednn", "oneDNN native", case, variables={"ONEDNN_MAX_CPU_ISA": None})
    yield Variation("mkl", "MKL native", case, variables={"MKL_CBWR": None})
    native = replace(case, determinism=replace(case.determinism, portable=False))
    yield Variation("native", "not portable", native)


def _old_cpu(case: Case, switches: Switches) -> Iterator[Variation]:
    threads = 2 if switches.threads == 1 else 1
    varied = replace(case, determinism=replace(case.determinism, threads=threads))
    together = {**_OLD_CPU, **_counted_by_caller(threads)}
    yield Variation("old-cpu", "old CPU", varied, variables=together)


def _other(key: str, value: object, shape: tuple[int, ...] | None) -> object:
    """Another value for a prompt or a picture; None if it is neither."""
    if isinstance(value, str):
        return _OTHER_PROMPT if "prompt" in key and value else None
    if not isinstance(value, Mapping) or len(value) != 1:
        return None
    ((form, argument),) = value.items()
    if form == "$noise" and isinstance(argument, Mapping):
        return {form: {**argument, "seed": _OTHER_SEED}}
    if form == "$gradient" and isinstance(argument, Mapping):
        return {"$noise": {"as": "image", **argument, "seed": _OTHER_SEED}}
    picture = form == "$file" and PurePosixPath(str(argument)).suffix.lower() in _IMAGES
    if picture and shape is not None and (len(shape) == 2 or shape[2:] == (3,)):
        return {"$noise": {"as": "image", "shape": list(shape), "seed": _OTHER_SEED}}
    return None
