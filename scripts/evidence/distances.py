"""The stage `distances`: this device against the CPU's goldens, and its generator against the CPU's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.core.case import GeneratorKind
from harness.trials.bitwise import compare_files
from scripts.evidence.bench import Bench, Ran
from scripts.evidence.found import Found
from scripts.evidence.goldens import environment
from scripts.evidence.variations import LATENTS, SHORT, VARIED, prepared

_AT_ONCE = 8

_FAR = 0.1
"""The rel_l2 from which on two results are called far apart: other noise, not other rounding."""


def run(bench: Bench, found: Found) -> None:
    """First the generators, which need no run, then every case with a generator on the CPU, by forced replay."""
    _generators(bench, found)
    names = [
        case.id
        for case in prepared(bench)
        if case.generator is GeneratorKind.CPU
        and _cpu_golden(bench, case.id)
        and not case.allow_nondeterministic
    ]
    for start in range(0, len(names), _AT_ONCE):
        _against_cpu(bench, found, names[start : start + _AT_ONCE])


def _cpu_golden(bench: Bench, name: str) -> bool:
    return any((bench.root / "goldens" / name).glob("cpu-*.safetensors"))


def _against_cpu(bench: Bench, found: Found, names: Iterable[str]) -> None:
    words = (*names, "--forced", "--relation", "cross-hardware")
    ran = bench.harness("verify", *words, configs=bench.configs, goldens=_goldens_of_cpu(bench))
    found.environment = found.environment or environment(ran)
    for case in ran.cases:
        _add(found, case)
    if ran.code == 130:
        bench.left()
    _check_complete(found, ran)


def _goldens_of_cpu(bench: Bench) -> Path:
    """The project's goldens for the CPU, as links in a folder of their own: nothing may write to the originals."""
    folder = bench.folder("goldens")
    for path in (bench.root / "goldens").rglob("cpu-*"):
        link = folder / path.relative_to(bench.root / "goldens")
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            link.symlink_to(path)
    return folder


def _check_complete(found: Found, ran: Ran) -> None:
    if ran.code in (2, 3) and not ran.cases:
        found.fail(f"verify: ended with exit code {ran.code}; see logs.tar.gz, {ran.log.name}")


def _add(found: Found, case: Mapping[str, object]) -> None:
    name, verdict = str(case["case"]), str(case["verdict"])
    for tensor in case["tensors"]:  # type: ignore[attr-defined]
        limits, metrics = tensor["limits"], tensor["metrics"]
        found.add(
            "against the CPU's goldens",
            {
                "case": name,
                "output": tensor["name"],
                "verdict": tensor["verdict"],
                "max_abs": metrics.get("max_abs"),
                "rel_l2": metrics.get("rel_l2"),
                "limit of rel_l2": limits.get("rel_l2"),
            },
        )
    _add_boundaries(found, name, case["boundaries"])  # type: ignore[arg-type]
    # Refused is what such a case asks for: it wants a golden of its own.
    if verdict not in ("identical", "within", "skipped", "no-golden"):
        found.fail(f"{name}: {verdict}: {case['reason']}")


def _add_boundaries(found: Found, name: str, boundaries: Iterable[Mapping[str, object]]) -> None:
    """For each kind of event the boundary that lies farthest apart, when each is fed the CPU's tensors."""
    by_event: dict[str, list[Mapping[str, object]]] = {}
    for one in boundaries:
        by_event.setdefault(str(one["event"]), []).append(one)
    for event, ones in by_event.items():
        known = [one for one in ones if one["rel_l2"] is not None]
        worst = max(known, key=lambda one: float(str(one["rel_l2"])), default=None)
        if worst is not None:
            found.add(
                "boundary by boundary",
                {
                    "case": name,
                    "event": event,
                    "calls": len(ones),
                    "largest rel_l2": float(str(worst["rel_l2"])),
                    "at call": int(str(worst["index"])),
                    "limit": float(str(worst["limit"])) if worst["limit"] is not None else None,
                    "verdict": str(worst["verdict"]),
                },
            )


def _generators(bench: Bench, found: Found) -> None:
    """The goldens of this device with a generator on it against those with one on the CPU, in every dtype."""
    platform = bench.platform
    if platform is None:
        found.note("no goldens of this device: run the stage goldens first to compare the generators")
        return
    pairs = [("ddim/cpu-generator", "ddim/device-generator", "float32")]
    for dtype in ("float32", "float16", "bfloat16"):
        cpu, device = (f"{VARIED}@generator={kind},model.dtype={dtype}" for kind in ("cpu", "device"))
        pairs.append((cpu, device, dtype))
    for cpu, device, dtype in pairs:
        paths = [bench.goldens / name / f"{platform}.safetensors" for name in (cpu, device)]
        if all(path.is_file() for path in paths):
            of = SHORT[0] if bench.short or not cpu.startswith("gpu/") else LATENTS
            _compare(bench, found, of, dtype, paths)


def _compare(bench: Bench, found: Found, name: str, dtype: str, paths: list[Path]) -> None:
    for tensor in compare_files(*paths):
        apart = tensor.metrics.get("rel_l2")
        found.add(
            "generator on the device against one on the CPU",
            {
                "case": name,
                "dtype": dtype,
                "output": tensor.name,
                "rel_l2": apart,
                "cosine distance": tensor.metrics.get("cosine_distance"),
            },
        )
        if bench.device == "cuda" and (apart is None or apart < _FAR):
            found.fail(
                f"{name}, {dtype}: the generators of CPU and GPU are only {apart} apart; they should be far apart"
            )
