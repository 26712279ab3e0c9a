"""`explain` and `verify` give every case the same verdict and exit code, and each writes a report of its own."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.commands import explain as explain_module
from harness.commands import verify as verify_module
from harness.core.capture import Completed, Lost, Outcome, Raised, Unavailable
from harness.core.case import Case, Expectation
from harness.core.invariant import Invariant, InvariantKind
from harness.core.tolerance import Limits, Relation, Rule, Tolerance
from harness.invocation.options import Options, VerifyOptions
from harness.run.trial import Trial
from tests.explain import simulated
from tests.golden.builders import ACCEPTED, a_case, environment
from tests.support import pools
from tests.support.traces import open_trace, write_trace

NOW = environment(torch="2.14.0")
LOOSE = Tolerance(same_hardware=Limits(rel_l2=1e-3))
HELD = Expectation("images", "max", 1.0, 1.0)
BROKEN = Expectation("images", "max", 5.0, 0.1)

PLANS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "identical": ({}, {}),
    "identical-forced": ({"forced": True}, {}),
    "within": ({"tolerance": LOOSE}, {"jitter": 1e-7}),
    "within-by-a-fault": ({"tolerance": LOOSE}, {"guidance": 7.4999}),
    "within-by-a-fault-forced": ({"tolerance": LOOSE, "forced": True}, {"guidance": 7.4999}),
    "drifted": ({}, {"softmax": 1.05}),
    "drifted-forced": ({"forced": True}, {"softmax": 1.05}),
    "expectation-held": ({"expect": (HELD,)}, {}),
    "expectation-broken": ({"expect": (BROKEN,)}, {}),
    "invariant-fails": ({"invariants": (Invariant(InvariantKind.ATTENTION_SLICING),)}, {}),
    "invariant-holds": (
        {"invariants": (Invariant(InvariantKind.VAE_TILING, Limits(rel_l2=9.0)),), "tolerance": LOOSE},
        {"jitter": 1e-7},
    ),
    "no-golden": ({}, {}),
    "optional-held": ({"golden_optional": True, "expect": (HELD,)}, {}),
    "optional-broken": ({"golden_optional": True, "expect": (BROKEN,)}, {}),
    "refused": ({"tolerance": Tolerance(same_hardware=Rule.REFUSE)}, {}),
    "uncalibrated": ({"tolerance": Tolerance(same_hardware=Rule.CALIBRATED)}, {}),
    "stale": ({}, {}),
    "raises": ({}, {}),
    "lost": ({}, {}),
    "unavailable": ({}, {}),
    "replay-lost": ({"forced": True}, {}),
}


def cases() -> list[Case]:
    return [a_case(f"ddim/{name}", **fields) for name, (fields, _) in PLANS.items()]


def write(path: Path, case: Case, fed: Path | None = None, **knobs: Any) -> Path:
    settings = simulated.Knobs(**knobs)
    calls = simulated.Machine(settings, open_trace(fed) if fed else None).run()
    env = environment() if "goldens" in path.parts else NOW
    return write_trace(
        path, calls, structure=simulated.structure(), returned={"images": calls[-1].inputs["images"]},
        case=case, env=env, accepted=None if env is NOW else ACCEPTED,
    )  # fmt: skip


def outcome(trial: Trial) -> Outcome:
    """What a worker would have made of the trial."""
    name = trial.case.id.removeprefix("ddim/")
    if name == "raises":
        return Raised("ValueError: no", "Traceback", NOW, 1.0)
    if name == "lost" or (name == "replay-lost" and trial.forced):
        return Lost("killed by signal 9")
    if name == "unavailable":
        return Unavailable("no such model")
    knobs = dict(PLANS[name][1])
    if trial.perturbation is not None:
        knobs["jitter"] = 1e-5
    return Completed(str(write(trial.capture, trial.case, trial.forced, **knobs)), NOW, 1.0)


class Screen:
    """Shows nothing; a display under it neither."""

    def watch(self, *_: object) -> Any:
        return nullcontext(self)

    def __getattr__(self, _: str) -> Any:
        return lambda *_, **__: None


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Options:
    asked = cases()
    without = {"no-golden", "optional-held", "optional-broken"}
    for case in asked:
        if (name := case.id.removeprefix("ddim/")) not in without:
            recorded = replace(case, steps=9) if name == "stale" else case
            write(tmp_path / "goldens" / case.id / "cpu-x86_64.safetensors", recorded)
    pools.install(monkeypatch, outcome)
    for module in (verify_module, explain_module):
        monkeypatch.setattr(module, "cases_to_run", lambda *_: asked)
    return Options(goldens=tmp_path / "goldens", out=tmp_path / "out")


@pytest.mark.parametrize("forced", [False, True])
def test_every_case_gets_one_judgement(forced: bool, options: Options) -> None:
    how = VerifyOptions(forced=forced)
    code = verify_module.verify(options, how, Screen()).exit_code()  # type: ignore[arg-type]
    report = options.out / "report.json"
    verified, before = json.loads(report.read_text()), report.read_bytes()
    assert explain_module.explain(options, how, Screen(), deep=False) == code == 3  # type: ignore[arg-type]
    assert report.read_bytes() == before
    explained = json.loads((options.out / "explain.json").read_text())
    assert (explained["schema"], explained["summary"]) == (1, verified["summary"])
    assert len(verified["summary"]) == 8, "every verdict there is"
    for one, other in zip(verified["cases"], explained["cases"], strict=True):
        for key in (
            "case",
            "verdict",
            "reason",
            "relation",
            "tensors",
            "exact_findings",
            "invariants",
            "next_step",
        ):
            assert one[key] == other[key], (one["case"], key)
        if one["boundaries"]:
            assert one["boundaries"] == other["boundaries"]
            if one["verdict"] in ("drifted", "broken"):
                assert one["first_divergence"] == other["first_divergence"]
        assert {"stages", "suspects", "notes"} <= other.keys()


def test_a_case_that_is_not_judged_by_its_replay_is_explained_by_one(options: Options) -> None:
    explain_module.explain(options, VerifyOptions(relation=Relation.SAME_HARDWARE), Screen(), deep=False)  # type: ignore[arg-type]
    found = {one["case"]: one for one in json.loads((options.out / "explain.json").read_text())["cases"]}
    case = found["ddim/within-by-a-fault"]
    assert case["verdict"] == "within"
    assert {one["verdict"] for one in case["boundaries"]} == {"identical", "drifted"}
    assert case["first_divergence"]["stage"] == "guidance"
    assert case["stages"]
    assert np.isfinite(case["stages"][-1]["last"])
