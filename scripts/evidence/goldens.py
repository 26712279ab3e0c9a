"""The stage `goldens`: every case recorded twice in fresh processes, and the calibration and sensitivity of four."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from scripts.evidence.bench import Bench, Ran
from scripts.evidence.found import Cell, Found
from scripts.evidence.packing import pack
from scripts.evidence.variations import prepared

_FINE = ("recorded", "updated", "unchanged", "kept", "skipped")

_AT_ONCE = 8
"""Cases of one command: after each, what there is gets packed."""


def run(bench: Bench, found: Found) -> None:
    """Record in parts, then calibrate, then plant faults; the archives hold everything after each."""
    names = [case.id for case in prepared(bench)]
    try:
        for start in range(0, len(names), _AT_ONCE):
            _record(bench, found, names[start : start + _AT_ONCE])
            _pack(bench, found)
        for command, table in (("calibrate", "calibrations"), ("sensitivity", "sensitivities")):
            for name in _measured(bench):
                _measure(bench, found, command, table, name)
                _pack(bench, found)
    finally:
        _pack(bench, found)


def _record(bench: Bench, found: Found, names: Iterable[str]) -> None:
    ran = bench.harness(
        "record",
        *names,
        "--no-gates",
        "--reason",
        "recorded on a GPU",
        configs=bench.configs,
        goldens=bench.goldens,
    )
    found.environment = found.environment or environment(ran)
    for case in ran.cases:
        path = bench.goldens / str(case["case"]) / f"{case['platform']}.safetensors"
        reason = str(case.get("reason") or "")
        found.add(
            "goldens",
            {
                "case": str(case["case"]),
                "state": str(case["state"]),
                "seconds": round(float(str(case["seconds"])), 2),
                "KiB": round(path.stat().st_size / 1024) if path.is_file() else None,
                "reason": reason,
            },
        )
        if case["state"] not in _FINE:
            found.fail(f"record {case['case']}: {case['state']}: {reason}")
    _check_end(bench, found, ran, "record")


def _check_end(bench: Bench, found: Found, ran: Ran, command: str) -> None:
    if ran.code == 130:
        bench.left()
    if ran.code in (2, 3) and not ran.cases:
        found.fail(f"{command}: ended with exit code {ran.code}; see logs.tar.gz, {ran.log.name}")


def _measured(bench: Bench) -> list[str]:
    """The cases that are calibrated: those whose sensitivity is known on the CPU, if they have a golden now."""
    with_faults = (bench.root / "goldens").rglob("*.sensitivity.json")
    names = sorted({path.parent.relative_to(bench.root / "goldens").as_posix() for path in with_faults})
    chosen = names[:1] if bench.short else names
    return [name for name in chosen if any((bench.goldens / name).glob("*.safetensors"))]


def _measure(bench: Bench, found: Found, command: str, table: str, name: str) -> None:
    words = ["--no-ladder"] if command == "sensitivity" else []
    ran = bench.harness(command, name, *words, configs=bench.configs, goldens=bench.goldens)
    for case in ran.cases:
        row = {"case": name, **_figures(case), "exit code": ran.code}
        found.add(table, row)
    if ran.code not in (0, 130):
        found.fail(f"{command} {name}: ended with exit code {ran.code}; see logs.tar.gz, {ran.log.name}")
    _check_end(bench, found, ran, command)


def _figures(case: Mapping[str, object]) -> dict[str, Cell]:
    """What a report says of one case: how noise moves it, or how many of the planted faults are caught."""
    row: dict[str, Cell] = {"state": str(case["state"]), "seconds": float(str(case["seconds"]))}
    measured = case.get("calibration")
    if isinstance(measured, Mapping):
        outputs = measured["outputs"]
        row |= {
            "runs": len(measured["runs"]),
            "amplification": measured["amplification"],
            "envelope of rel_l2": max((one["envelope"]["rel_l2"] for one in outputs), default=None),
        }
    scores: Iterable[Mapping[str, Cell]] = case.get("scores") or ()  # type: ignore[assignment]
    row |= {f"caught, {one['relation']}": f"{one['caught']} of {one['applied']}" for one in scores}
    return {**row, "reason": str(case.get("reason") or "")}


def _pack(bench: Bench, found: Found) -> None:
    files = [
        path
        for path in sorted(bench.goldens.rglob("*"))
        if path.is_file() and path.suffix in (".safetensors", ".json") and not path.name.endswith(".tmp")
    ]
    configs = sorted((bench.configs / "gpu").rglob("*.yaml"))
    for left_out in pack(bench, "goldens", bench.work, [*configs, *files]):
        found.note(f"left out of the archives: {left_out}")


def environment(ran: Ran) -> Mapping[str, object]:
    """Hardware and versions of a report, without what decides no number."""
    here = ran.report.get("environment")
    if not isinstance(here, Mapping):
        return {}
    hardware, software = here["hardware"], here["software"]
    packages = software["packages"]
    return {
        "platform": here["platform"],
        "gpu": hardware["gpu"],
        "cpu": hardware["cpu_model"],
        **{name: software[name] for name in ("os", "python", "cuda", "cudnn", "driver")},
        **{name: packages.get(name) for name in ("torch", "diffusers", "transformers", "numpy")},
    }
