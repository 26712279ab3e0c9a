from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.core.results.verdict import Divergence
from harness.core.tolerance import Relation
from harness.explain.modules import first_module, with_module
from harness.golden.trace import Trace
from tests.explain.simulated import run
from tests.support.traces import Call, make_trace

X, Y = np.ones(4), np.arange(4.0)


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    return run(tmp_path_factory.mktemp("golden") / "golden.safetensors")


FAULTS: list[tuple[str, dict[str, Any], str, str]] = [
    ("head", {"head": 1}, "unet", "mid_block.attn"),
    ("softmax", {"softmax": 1.01}, "unet", "mid_block.attn"),
    ("eps", {"eps": 1e-3}, "unet", "mid_block.norm"),
    ("activation", {"activation": "relu"}, "unet", "mid_block.nonlinearity"),
    ("rounded weight", {"rounded": True}, "unet", "conv_in"),
    ("weight element", {"element": 1.01}, "unet", "conv_in"),
    ("skipped norm", {"final_norm": False}, "text_encoder", "final_layer_norm"),
]


@pytest.mark.parametrize(("name", "knobs", "component", "module"), FAULTS, ids=[one[0] for one in FAULTS])
def test_faults(
    name: str, knobs: dict[str, Any], component: str, module: str, golden: Trace, tmp_path: Path
) -> None:
    now = run(tmp_path / "now", **knobs)
    found = first_module(golden, now, component, 0, Relation.SAME)
    assert found is not None
    assert (found.module, found.sure) == (module, True)
    assert found.how == ("missing" if name == "skipped norm" else "result")
    assert module in found.sentence


def test_faults_under_forced_replay(golden: Trace, tmp_path: Path) -> None:
    now = run(tmp_path / "now", golden, softmax=1.01, guidance=5.0)
    found = first_module(golden, now, "unet", 3, Relation.SAME)
    assert found is not None
    assert found.module == "mid_block.attn"


def test_nothing(golden: Trace, tmp_path: Path) -> None:
    assert first_module(golden, golden, "unet", 0, Relation.SAME) is None
    assert first_module(golden, golden, "vae", 0, Relation.SAME) is None
    bare = run(tmp_path / "now", modules=False)
    assert first_module(golden, bare, "unet", 0, Relation.SAME) is None


def unet(*inside: Call) -> list[Call]:
    return [Call("unet.forward", {"x": X}, {"0": X}, inside=inside)]


def module(path: str, given: np.ndarray, result: np.ndarray, *inside: Call) -> Call:
    return Call(f"unet:{path}.forward", {"x": given}, {"": result}, inside=inside)


def found_in(folder: Path, golden: list[Call], now: list[Call], relation: Relation = Relation.SAME) -> Any:
    traces = [make_trace(folder / name, one) for name, one in (("golden", golden), ("now", now))]
    return first_module(traces[0], traces[1], "unet", 0, relation)


def test_innermost(tmp_path: Path) -> None:
    golden = unet(module("a", X, X, module("a.b", X, X)))
    now = unet(module("a", X, Y, module("a.b", X, Y)))
    assert found_in(tmp_path, golden, now).module == "a.b"


def test_the_code_around_modules(tmp_path: Path) -> None:
    # a hands b another input and is itself given the same
    golden = unet(module("a", X, X, module("a.b", X, X)))
    now = unet(module("a", X, Y, module("a.b", Y, Y)))
    assert found_in(tmp_path, golden, now).module == "a"


def test_first_of_several(tmp_path: Path) -> None:
    golden = unet(module("a", X, X), module("b", X, X))
    now = unet(module("a", X, Y), module("b", X, Y))
    assert found_in(tmp_path, golden, now).module == "a"


def test_newly_called_or_no_longer_called(tmp_path: Path) -> None:
    golden = unet(module("a", X, X, module("a.b", X, X), module("a.c", X, X)))
    fewer = unet(module("a", X, Y, module("a.b", X, X)))
    found = found_in(tmp_path, golden, fewer)
    assert (found.module, found.how, found.rel_l2) == ("a.c", "missing", None)
    found = found_in(tmp_path, fewer, golden)
    assert (found.module, found.how) == ("a.c", "extra")


def test_uncalled_elsewhere_is_not_to_blame(tmp_path: Path) -> None:
    golden = unet(module("a", X, X), module("b", X, X), module("c", X, X))
    now = unet(module("a", X, Y), module("b", Y, X))
    assert found_in(tmp_path, golden, now).module == "a"


def test_modules_renamed_by_a_release(tmp_path: Path) -> None:
    golden = unet(*(module(f"old.{i}", X, X) for i in range(4)))
    now = unet(*(module(f"new.{i}", X, X) for i in range(4)))
    assert found_in(tmp_path, golden, now) is None


def test_shared_module_by_its_calls(tmp_path: Path) -> None:
    golden = unet(module("act", X, X), module("act", X, Y))
    now = unet(module("act", X, X), module("act", X, X))
    assert found_in(tmp_path, golden, now).module == "act"


def test_jump_among_rounding(tmp_path: Path) -> None:
    def off(by: float) -> np.ndarray:
        return np.arange(1.0, 101) * (1 + by)

    golden = unet(*(module(name, off(0), off(0)) for name in "abc"))
    now = unet(
        module("a", off(1e-7), off(2e-7)),
        module("b", off(2e-7), off(1e-3)),
        module("c", off(1e-3), off(2e-3)),
    )
    found = found_in(tmp_path, golden, now, Relation.SAME_HARDWARE)
    assert (found.module, found.sure) == ("b", True)
    now = unet(
        module("a", off(1e-7), off(2e-7)), module("b", off(2e-7), off(6e-6)), module("c", off(0), off(0))
    )
    found = found_in(tmp_path, golden, now, Relation.SAME_HARDWARE)
    assert (found.module, found.sure) == ("b", False)
    assert "uncertain" in found.sentence


def test_rounding_alone_names_nothing(tmp_path: Path) -> None:
    golden, now = unet(module("a", X, X)), unet(module("a", X, X * (1 + 5e-7)))
    assert found_in(tmp_path, golden, now, Relation.SAME_HARDWARE) is None


def test_missing_before_a_doubtful_one(tmp_path: Path) -> None:
    golden = unet(module("a", X, X), module("b", X, X), module("c", X, X), module("d", X, X))
    now = unet(module("a", X, X), module("c", X * 1.5, X * 1.6), module("d", X * 1.6, X * 1.7))
    found = found_in(tmp_path, golden, now, Relation.SAME_HARDWARE)
    assert (found.module, found.how) == ("b", "missing")


def test_another_call_given_the_same(tmp_path: Path) -> None:
    # the golden holds the modules of its first call; the replay fed that call's input to the third
    def calls(result: np.ndarray, of: int) -> list[Call]:
        with_modules = Call("unet.forward", {"x": X}, {"0": X}, inside=[module("a", X, result)])
        return [with_modules if i == of else Call("unet.forward", {"x": Y}, {"0": Y}) for i in range(3)]

    traces = [make_trace(tmp_path / str(of), calls(result, of)) for result, of in ((X, 0), (Y, 2))]
    found = first_module(traces[0], traces[1], "unet", 2, Relation.SAME)
    assert found is not None
    assert found.module == "a"
    assert first_module(traces[0], traces[1], "unet", 1, Relation.SAME) is None


def test_with_module(tmp_path: Path) -> None:
    golden, now = unet(module("a", X, X)), unet(module("a", X, Y))
    found = found_in(tmp_path, golden, now)
    divergence = Divergence("denoiser", "unet", "unet.forward", 0, None, 0.1, "it differs")
    assert with_module(divergence, found).module == "a"
    assert with_module(divergence, found).sentence == f"it differs; {found.sentence}"
    assert with_module(divergence, None) == divergence
    other = Divergence("scheduler", "scheduler", "scheduler.step", 0, None, 0.1, "it differs")
    assert with_module(other, found) == other
