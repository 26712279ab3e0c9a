"""The stage `tests`: the tests marked `gpu`, and cases with what only a GPU can do: offloading, compiling, halves."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

from scripts.evidence.bench import Bench
from scripts.evidence.found import Found
from scripts.evidence.goldens import environment
from scripts.evidence.variations import LATENTS, SHORT, varied

_MARK = "@pytest.mark.gpu"


def run(bench: Bench, found: Found) -> None:
    """First the invariants, which judge pipelines, then pytest."""
    _invariants(bench, found)
    _pytest(bench, found)


def _invariants(bench: Bench, found: Found) -> None:
    configs = bench.folder("configs")
    for name, changes in _cases(bench).items():
        varied(bench, configs, SHORT[0] if "ddim" in name else LATENTS, name, {"steps": 2, **changes})
    ran = bench.harness("verify", "--allow-missing", configs=configs, goldens=bench.folder("no-goldens"))
    found.environment = found.environment or environment(ran)
    for case in ran.cases:
        _add(found, case)
    if ran.code == 130:
        bench.left()
    if not ran.cases:
        found.fail(f"verify: ended with exit code {ran.code}; see logs.tar.gz, {ran.log.name}")


def _cases(bench: Bench) -> Mapping[str, Mapping[str, object]]:
    """Cases with the invariants that need a GPU, and with each form of offloading."""
    compiled = {"components": ["unet"], "devices": ["cuda"], "rel_l2": 1.0e-4}
    small = {
        "ddim": {"invariants": {"half": {"rel_l2": 1.0e-2}, "compile": compiled, "generator_state": "exact"}}
    }
    if bench.short:
        return small
    offloaded = {
        f"offload-{kind}": {"memory": {"offload": kind}, "devices": ["cuda"]}
        for kind in ("model", "sequential")
    }
    pipeline = {"half": {"rel_l2": 2.0e-2}, "offload": "exact", "attention_slicing": {"rel_l2": 1.0e-4}}
    return {**small, "latents": {"invariants": pipeline}, **offloaded}


def _add(found: Found, case: Mapping[str, object]) -> None:
    name, verdict = str(case["case"]), str(case["verdict"])
    invariants: list[Mapping[str, object]] = list(case["invariants"])  # type: ignore[call-overload]
    for one in invariants:
        _row(found, name, str(one["invariant"]), one)
    if not invariants:
        _row(found, name, "runs", {**case, "verdict": "runs" if verdict == "no-golden" else verdict})


def _row(found: Found, name: str, what: str, told: Mapping[str, object]) -> None:
    verdict = str(told["verdict"])
    tensors: list[Mapping[str, Mapping[str, float | None]]] = list(told["tensors"])  # type: ignore[call-overload]
    apart = [value for one in tensors if (value := one["metrics"].get("rel_l2")) is not None]
    found.add(
        "what only a GPU can do",
        {
            "case": name,
            "what": what,
            "verdict": verdict,
            "rel_l2": max(apart, default=None),
            "reason": str(told["reason"]) if verdict not in ("runs", "within", "identical") else "",
        },
    )
    if verdict in ("drifted", "broken", "error", "stale"):
        found.fail(f"{name}, {what}: {verdict}: {told['reason']}")


def _pytest(bench: Bench, found: Found) -> None:
    tests = bench.root / "tests"
    files = sorted(path for path in tests.rglob("test_*.py") if _MARK in path.read_text(encoding="utf-8"))
    report = bench.folder("out") / "junit.xml"
    report.unlink(missing_ok=True)
    options = ["-q", "-m", "gpu", "-p", "no:cacheprovider", f"--junit-xml={report}"]
    code = bench.run(
        [sys.executable, "-m", "pytest", *options, *(path.relative_to(bench.root) for path in files)]
    )
    if report.is_file():
        _add_tests(found, report)
    if code == 130:
        bench.left()
    if code not in (0, 5, 130):
        found.fail(f"pytest -m gpu: ended with exit code {code}; see logs.tar.gz, {bench.log.name}")


def _add_tests(found: Found, report: Path) -> None:
    # Written by pytest in our own folder a moment ago.
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        outcome = next((child for child in case if child.tag in ("failure", "error", "skipped")), None)
        found.add(
            "pytest -m gpu",
            {
                "test": f"{case.get('classname', '').replace('.', '/')}::{case.get('name')}",
                "outcome": "passed" if outcome is None else outcome.tag,
                "seconds": float(case.get("time", 0)),
                "reason": "" if outcome is None else str(outcome.get("message"))[:200],
            },
        )
