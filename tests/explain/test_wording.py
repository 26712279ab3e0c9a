from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.core.tolerance import Relation
from harness.core.trace import Event, Signature
from harness.explain.differences import Sides
from harness.explain.divergence import first_divergence
from harness.explain.timeline import timeline
from harness.explain.wording import before, noise_words, phrase
from tests.explain.simulated import run
from tests.support.traces import Call, make_trace


@pytest.mark.parametrize(
    ("component", "method", "index", "expected"),
    [
        ("scheduler", "step", 3, "the scheduler's step 3"),
        ("unet", "forward", 0, "the unet's call 0"),
        ("tokenizer", "__call__", 1, "the tokenizer's call 1"),
        ("vae", "decode", 0, "the vae's decode"),
        ("vae", "decode", 2, "the vae's decode 2"),
        ("noise", "randn_tensor", 4, "draw 4 of noise (randn_tensor)"),
        ("pipeline", "output", 0, "the pipeline's output"),
        ("pipeline", "__call__", 0, "the call's arguments"),
    ],
)
def test_phrase(component: str, method: str, index: int, expected: str) -> None:
    assert phrase(Event(Signature(component, method, None, (), ()), index, None, (), ())) == expected


def test_the_whole_sentence(tmp_path: Path) -> None:
    golden, now = run(tmp_path / "golden"), run(tmp_path / "now", final_alpha=1.0)
    found = first_divergence(golden, now, (), Relation.SAME)
    assert found is not None
    assert found.sentence == (
        "the noise, the prompt embeddings and the timesteps are bit-identical; the first difference is the "
        "scheduler's step 5: its input matched bit for bit, its output is off by rel_l2 0.002; everything "
        "after follows from it"
    )


def test_before_names_what_is_equal(tmp_path: Path) -> None:
    noise = Call("noise.randn_tensor", {}, {"noise": np.ones(2)})
    golden = [noise, Call("unet.forward")]
    sides = [make_trace(tmp_path / str(i), one) for i, one in enumerate((golden, golden))]
    line = timeline(Sides(sides[0], sides[1]))
    assert before(line, 1) == "the noise is bit-identical; "
    assert before(line, 0) == ""


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ({"generator": "cuda:0", "before": "b"}, "drawn on cuda:0, but the golden's on cpu"),
        ({"generator": "cpu", "before": "a"}, "other numbers from the same state of the generator"),
        ({"generator": "cpu", "before": "b"}, "the generator started from another state: another seed"),
    ],
)
def test_noise_words(now: dict[str, object], expected: str, tmp_path: Path) -> None:
    def draw(value: float, values: dict[str, object]) -> list[Call]:
        return [Call("noise.randn_tensor", {}, {"noise": np.ones(2) * value}, values)]

    sides = [draw(1, {"generator": "cpu", "before": "a"}), draw(2, now)]
    traces = [make_trace(tmp_path / str(i), one) for i, one in enumerate(sides)]
    line = timeline(Sides(traces[0], traces[1]))
    assert noise_words(line, 0).startswith(expected)
