"""The stage `switches`: every numeric switch set before the start and read back, and its effect on bits and time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.core.capture import CaptureDocument
from harness.errors import HarnessError
from harness.golden.header import read_document
from harness.trials.bitwise import compare_files
from scripts.evidence.bench import Bench, Ran
from scripts.evidence.found import Found
from scripts.evidence.goldens import environment
from scripts.evidence.variations import LATENTS, SHORT, varied

RUNS = 2
"""How many runs in fresh processes, and as many again in one worker: the first of a process warms the GPU up."""


@dataclass(frozen=True)
class Variation:
    """What a case sets differently; `against` names the variation whose bits and time it is compared with."""

    name: str
    changes: Mapping[str, object]
    against: str = "defaults"


_HALF = {"model.dtype": "float16"}

VARIATIONS = (
    Variation("defaults", {}),
    Variation("workspace-unset", {"determinism.cublas_workspace": None, "determinism.algorithms": False}),
    Variation("workspace-16-8", {"determinism.cublas_workspace": ":16:8"}),
    Variation("algorithms-off", {"determinism.algorithms": False}),
    Variation(
        "benchmark-on", {"determinism.cudnn_benchmark": True, "determinism.cudnn_deterministic": False}
    ),
    Variation("cudnn-not-deterministic", {"determinism.cudnn_deterministic": False}),
    Variation("tf32-on", {"determinism.tf32": True}),
    Variation("attention-efficient", {"determinism.attention": "efficient"}),
    Variation("attention-default", {"determinism.attention": "default"}),
    Variation("half", _HALF),
    *(
        Variation(f"half-attention-{name}", {**_HALF, "determinism.attention": name}, "half")
        for name in ("flash", "efficient", "cudnn")
    ),
)

_SHORT = ("defaults", "workspace-unset", "tf32-on", "attention-efficient")

_MAY_DIFFER = ("workspace-unset", "algorithms-off", "benchmark-on", "cudnn-not-deterministic")
"""The variations under which two runs may differ; under every other one they must agree."""


def run(bench: Bench, found: Found) -> None:
    """All variations of one case, then of the next."""
    for source in SHORT[:1] if bench.short else (LATENTS, "ddim/cpu-generator"):
        chosen = [one for one in VARIATIONS if not bench.short or one.name in _SHORT]
        _all_of(bench, found, source, chosen)


def _all_of(bench: Bench, found: Found, source: str, chosen: Sequence[Variation]) -> None:
    configs = bench.folder("configs")
    for one in chosen:
        # A trace costs time that is not the switch's; the calls that some kernels refuse are what is looked for.
        varied(bench, configs, source, _name(source, one), {**one.changes, "trace": "none"})
    words = ["--runs", str(RUNS), *([] if bench.short else ["--reuse"])]
    ran = bench.harness("repeat", f"{source}/*", *words, configs=configs)
    found.environment = found.environment or environment(ran)
    told = {str(case["case"]): case for case in ran.cases}
    captures = {one.name: _captures(bench, _name(source, one)) for one in chosen}
    for one in chosen:
        if captures[one.name] or _name(source, one) in told:
            _add(found, source, one, captures, told.get(_name(source, one), {}))
    if ran.code == 130:
        bench.left()
    _check(found, ran)


def _check(found: Found, ran: Ran) -> None:
    if not ran.cases:
        found.fail(f"repeat: ended with exit code {ran.code}; see logs.tar.gz, {ran.log.name}")


def _name(source: str, one: Variation) -> str:
    return f"{source}/{one.name}"


def _captures(bench: Bench, name: str) -> list[Path]:
    folder = bench.folder("out") / "repeat" / "captures" / name
    return sorted(folder.glob("repeat-*.safetensors"))


def _add(
    found: Found, source: str, one: Variation, captures: Mapping[str, list[Path]], told: Mapping[str, object]
) -> None:
    documents = list(_documents(captures[one.name]))
    others = list(_documents(captures.get(one.against, [])))
    seconds = min((document.seconds.run for document in documents), default=None)
    base = min((document.seconds.run for document in others), default=None)
    row = {
        "variation": one.name,
        "against": one.against,
        "set": ", ".join(f"{key.removeprefix('determinism.')}={value}" for key, value in one.changes.items()),
        "read back": _read_back(documents, one.changes),
        "runs agree": _agree(documents),
        "rel_l2": _apart(captures[one.name], captures.get(one.against, [])),
        "seconds": seconds,
        "times": seconds / base if seconds and base else None,
        "reason": str(told.get("reason") or ""),
    }
    found.add(source, row)
    for warning in sorted(
        {text for document in documents for text in document.warnings if "in effect" in text}
    ):
        found.fail(f"{source}, {one.name}: {warning}")
    if _agree(documents) is False and one.name not in _MAY_DIFFER:
        found.fail(f"{source}, {one.name}: two runs differ")


def _documents(paths: Sequence[Path]) -> Iterator[CaptureDocument]:
    for path in paths:
        try:
            yield read_document(path)
        except HarnessError:  # cut short when the time was over
            continue


def _agree(documents: Sequence[CaptureDocument]) -> bool | None:
    """Whether all runs have the same bits; None if there are fewer than two."""
    digests = {tuple(sorted(one.sha256.items())) for one in documents}
    return len(digests) == 1 if len(documents) > 1 else None


def _apart(ours: Sequence[Path], theirs: Sequence[Path]) -> float | None:
    """The largest rel_l2 between the first runs of both; None if they cannot be compared."""
    if not (ours and theirs):
        return None
    try:
        found = [one.metrics.get("rel_l2") for one in compare_files(theirs[0], ours[0])]
    except HarnessError:
        return None
    return max((value for value in found if value is not None), default=None)


_SWITCH = {
    "determinism.cublas_workspace": "cublas_workspace",
    "determinism.algorithms": "deterministic_algorithms",
    "determinism.cudnn_benchmark": "cudnn_benchmark",
    "determinism.cudnn_deterministic": "cudnn_deterministic",
    "determinism.tf32": "tf32_matmul",
    "determinism.attention": "sdpa_backends",
}
"""What the fingerprint calls the switch of a config's key."""


def _read_back(documents: Sequence[CaptureDocument], changes: Mapping[str, object]) -> str:
    """The switches that a variation sets, as its worker read them back; all of them for one that sets none.

    "" if no run got that far.
    """
    if not documents:
        return ""
    values = asdict(documents[0].environment.switches)
    told = {name: values[name] for key, name in _SWITCH.items() if key in changes or not changes}
    return ", ".join(
        f"{name}={'+'.join(value) if isinstance(value, tuple) else value}" for name, value in told.items()
    )
