"""The stage `latents`: fifty steps of DDIM twice, to find a largest difference of 0; the same with everything off."""

from __future__ import annotations

from collections.abc import Mapping

from scripts.evidence.bench import Bench
from scripts.evidence.found import Found
from scripts.evidence.goldens import environment
from scripts.evidence.variations import LATENTS, SHORT, prepared


def run(bench: Bench, found: Found) -> None:
    """Repeat with the deterministic switches and without any."""
    prepared(bench)
    name = SHORT[0] if bench.short else LATENTS
    for flags in ("on", "off"):
        ran = bench.harness("repeat", name, "--runs", "2", "--flags", flags, configs=bench.configs)
        found.environment = found.environment or environment(ran)
        for case in ran.cases:
            _add(found, flags, case)
            if flags == "on" and case.get("deterministic") is not True:
                found.fail(f"{name}: two runs with every deterministic switch are not bit for bit equal")
        if ran.code == 130:
            bench.left()
        if not ran.cases:
            found.fail(
                f"repeat {name}, flags {flags}: ended with exit code {ran.code}; see logs.tar.gz, {ran.log.name}"
            )


def _add(found: Found, flags: str, case: Mapping[str, object]) -> None:
    distances: list[Mapping[str, object]] = list(case.get("distances") or ())  # type: ignore[call-overload]
    largest = [float(str(one["max_abs"])) for one in distances if one.get("max_abs") is not None]
    equal = case.get("deterministic")
    found.add(
        "fifty steps twice",
        {
            "case": str(case["case"]),
            "switches": flags,
            "runs": int(str(case["runs"])),
            "bit for bit": equal if isinstance(equal, bool) else None,
            "L-infinity": max(largest, default=0.0) if equal is not None else None,
        },
    )
