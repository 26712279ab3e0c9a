from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.explain.differences import Sides
from harness.explain.structural import Changed, changed
from harness.explain.timeline import timeline
from tests.support.traces import Call, make_trace

PAIR = np.ones((2, 3))


def first(folder: Path, golden: list[Call], now: list[Call]) -> Changed:
    traces = [make_trace(folder / name, one) for name, one in (("golden", golden), ("now", now))]
    line = timeline(Sides(traces[0], traces[1]))
    return changed(line, next(place for place, step in enumerate(line.steps) if step.is_changed))


def draw() -> Call:
    return Call("noise.randn_tensor", {}, {"noise": PAIR})


def unet(sample: np.ndarray = PAIR) -> Call:
    return Call("unet.forward", {"sample": sample})


def step(*draws: Call) -> Call:
    return Call("scheduler.step", inside=draws)


def told(found: Changed) -> tuple[str, str, int, str]:
    return str(found.stage), found.event.name, found.event.index, found.how


def test_extra_draw(tmp_path: Path) -> None:
    found = first(tmp_path, [draw(), unet()], [draw(), draw(), unet()])
    assert told(found) == ("noise", "noise.randn_tensor", 1, "extra")
    assert found.calls == (1, 2)


def test_scheduler_that_draws(tmp_path: Path) -> None:
    found = first(tmp_path, [step(), step()], [step(), step(draw())])
    assert told(found) == ("scheduler", "scheduler.step", 1, "extra")
    assert "draws noise" in found.means
    found = first(tmp_path, [step(draw())], [step()])
    assert told(found)[:2] == ("scheduler", "scheduler.step")
    assert "no longer draws noise" in found.means


def test_a_draw_among_others(tmp_path: Path) -> None:
    found = first(tmp_path, [step(draw())], [step(draw(), draw())])
    assert told(found) == ("noise", "noise.randn_tensor", 1, "extra")


def test_fewer_turns(tmp_path: Path) -> None:
    found = first(tmp_path, [unet(), step()] * 3, [unet(), step()] * 2)
    assert told(found) == ("scheduler", "scheduler.step", 2, "missing")
    assert found.means == "the loop ran 2 instead of 3 steps"


def test_denoiser_called_twice_a_turn(tmp_path: Path) -> None:
    found = first(tmp_path, [unet(), step()] * 3, [unet(), unet(), step()] * 3)
    assert told(found) == ("guidance", "unet.forward", 1, "extra")


def test_guidance_gone(tmp_path: Path) -> None:
    tokens = Call("tokenizer.__call__")
    found = first(tmp_path, [tokens, tokens, unet()], [tokens, unet(PAIR[:1])])
    assert told(found) == ("guidance", "tokenizer.__call__", 1, "missing")
    found = first(tmp_path, [tokens, tokens, unet()], [tokens, unet()])
    assert told(found) == ("text_encoding", "tokenizer.__call__", 1, "missing")


def test_moved(tmp_path: Path) -> None:
    found = first(tmp_path, [unet(), Call("vae.decode")], [Call("vae.decode"), unet()])
    assert found.how == "moved"


def test_others(tmp_path: Path) -> None:
    found = first(tmp_path, [unet()], [unet(), Call("vae.decode")])
    assert told(found) == ("decoding", "vae.decode", 0, "extra")
