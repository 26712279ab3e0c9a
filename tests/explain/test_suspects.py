from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.core.environment import Change
from harness.core.results.explanation import Likelihood
from harness.core.results.verdict import Divergence
from harness.explain.suspects import changes, suspects
from harness.golden.header import read_document
from tests.golden.builders import environment, write_capture

NAMES = (
    "software.packages.torch",
    "software.packages.diffusers",
    "software.packages.transformers",
    "software.packages.tokenizers",
    "software.packages.pillow",
    "software.os",
    "switches.threads",
    "weights.unet",
    "definition.scheduler.options.eta",
)
CHANGES = [Change(name, "1", "2") for name in NAMES]


def divergence(stage: str, rel_l2: float | None = 0.1) -> Divergence:
    return Divergence(stage, "unet", "unet.forward", 0, None, rel_l2, "")


def likely(found: Divergence | None) -> list[str]:
    ranked = suspects(found, CHANGES)
    assert sorted(one.change.what for one in ranked) == sorted(NAMES)
    return [one.change.what.rpartition(".")[2] for one in ranked if one.likelihood is Likelihood.LIKELY]


@pytest.mark.parametrize(
    ("stage", "rel_l2", "expected"),
    [
        ("scheduler", 0.1, ["eta", "diffusers"]),
        ("guidance", 0.1, ["diffusers"]),
        ("text_encoding", 0.1, ["transformers", "tokenizers", "diffusers"]),
        ("text_encoding", None, ["transformers", "tokenizers", "diffusers"]),
        ("denoiser", 0.1, ["unet", "diffusers"]),
        ("denoiser", 1e-6, ["unet", "torch", "threads"]),
        ("post_processing", 0.1, ["diffusers", "pillow"]),
        ("noise", 1.0, ["diffusers", "torch"]),
    ],
)
def test_likely_first(stage: str, rel_l2: float | None, expected: list[str]) -> None:
    assert likely(divergence(stage, rel_l2)) == expected


def test_order_is_by_likelihood() -> None:
    ranked = [one.likelihood for one in suspects(divergence("denoiser"), CHANGES)]
    assert ranked == sorted(ranked, key=list(Likelihood).index)
    assert set(ranked) == set(Likelihood)


def test_without_a_divergence() -> None:
    ranked = suspects(None, CHANGES)
    assert [one.change for one in ranked] == CHANGES
    assert {one.likelihood for one in ranked} == {Likelihood.POSSIBLE}


def test_changes_of_two_captures(tmp_path: Path) -> None:
    tensors = {"images": np.ones(2)}
    golden = read_document(write_capture(tmp_path / "a", tensors, weights={"unet": "aa", "vae": "bb"}))
    now = read_document(write_capture(tmp_path / "b", tensors, env=environment(torch="2.14.0")))
    now = replace(
        now,
        commit="c0ffee",
        weights={"unet": "ab", "vae": "bb"},
        definition={**golden.definition, "seed": 7},
        filled_in={"output_type": "np"},
    )
    assert changes(golden, now) == (
        Change("definition.seed", "0", "7"),
        Change("filled_in.output_type", None, '"np"'),
        Change("model.commit", None, "c0ffee"),
        Change("weights.unet", "aa", "ab"),
        Change("software.packages.torch", "2.13.0", "2.14.0"),
    )
    assert changes(golden, golden) == ()
