from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.core.results.verdict import ExactFinding
from harness.core.trace import Slot
from harness.golden.trace import Trace
from harness.judge.traces.exact import exact_findings, is_exact, pair_mismatches
from tests.support.traces import Call, make_trace, structure_of

TEXT = "transformers.models.clip.modeling_clip.CLIPTextModel"


def trace(folder: Path, name: str, calls: list[Call], **options: Any) -> Trace:
    return make_trace(folder / f"{name}.safetensors", calls, **options)


def findings(folder: Path, golden: list[Call], now: list[Call], *accepted: str) -> list[ExactFinding]:
    return list(exact_findings(trace(folder, "golden", golden), trace(folder, "now", now), accepted))


def steps(*timesteps: int, **values: Any) -> list[Call]:
    return [
        Call("unet.forward", {"timestep": np.array(t), "sample": np.ones(3) * t}, values=values)
        for t in timesteps
    ]


def tokens(*ids: int) -> list[Call]:
    return [Call("tokenizer.__call__", {}, {"input_ids": np.array([ids])})]


def test_nothing(tmp_path: Path) -> None:
    assert findings(tmp_path, steps(3, 2, 1), steps(3, 2, 1)) == []


def test_numbers_are_not_exact(tmp_path: Path) -> None:
    golden, now = ([Call("unet.forward", {"sample": np.ones(3) * x})] for x in (1.0, 2.0))
    assert findings(tmp_path, golden, now) == []


def test_timesteps_in_one_finding(tmp_path: Path) -> None:
    (one,) = findings(tmp_path, steps(30, 20, 10), steps(30, 21, 11))
    assert one == ExactFinding(
        "unet.forward.timestep at call 1 and 1 more", "20", "21", fails=True, name="unet.forward.timestep"
    )


def test_token_ids_from_where_they_differ(tmp_path: Path) -> None:
    (one,) = findings(tmp_path, tokens(1, 5, 7, 2), tokens(1, 5, 2, 0))
    expected = ("tokenizer.__call__.input_ids", "[… 7, 2] from 2", "[… 2, 0] from 2", True)
    assert (one.what, one.golden, one.now, one.fails) == expected


def test_ids_too_many_to_be_listed(tmp_path: Path) -> None:
    golden, now = ([Call("tokenizer.__call__", {}, {"input_ids": np.full((1, 300), x)})] for x in (1, 2))
    (one,) = findings(tmp_path, golden, now)
    assert (one.golden, one.now, one.fails) == ("different bits", "different bits", True)


def test_counts(tmp_path: Path) -> None:
    (one,) = findings(tmp_path, steps(3, 2, 1), steps(3, 2))
    assert one == ExactFinding("unet.forward.calls", "3", "2", fails=True, name="unet.forward.calls")
    (one,) = findings(tmp_path, steps(3), [*steps(3), *tokens(1)])
    assert one == ExactFinding(
        "tokenizer.__call__.calls", "0", "1", fails=True, name="tokenizer.__call__.calls"
    )


def test_order(tmp_path: Path) -> None:
    (one,) = findings(tmp_path, [*steps(3), *tokens(1)], [*tokens(1), *steps(3)])
    told = ("events.order", "event 0 is unet.forward", "event 0 is tokenizer.__call__")
    assert one == ExactFinding(*told, fails=False, name="events.order")  # with the same tensors all along
    more = Call("vae.decode", {}, {"sample": np.ones(2)})
    other = Call("vae.decode", {}, {"sample": np.zeros(2)})
    (one,) = findings(tmp_path, [*steps(3), *tokens(1), more], [*tokens(1), *steps(3), other])
    assert one == ExactFinding(*told, fails=True, name="events.order")


def test_shape_and_dtype(tmp_path: Path) -> None:
    golden = [Call("unet.forward", {"sample": np.ones((2, 4), np.float32)})]
    now = [Call("unet.forward", {"sample": np.ones((1, 4), np.float64)})]
    assert findings(tmp_path, golden, now) == [
        ExactFinding(
            "unet.forward.sample.dtype", "float32", "float64", fails=True, name="unet.forward.sample.dtype"
        ),
        ExactFinding(
            "unet.forward.sample.shape", "[2, 4]", "[1, 4]", fails=True, name="unet.forward.sample.shape"
        ),
    ]


def test_slot_of_one_side_fails_nothing(tmp_path: Path) -> None:
    golden, now = [Call("unet.forward")], [Call("unet.forward", {"mask": np.ones(2, bool)})]
    assert findings(tmp_path, golden, now) == [
        ExactFinding("unet.forward.mask", None, "bool [2]", fails=False, name="unet.forward.mask")
    ]


def test_plain_arguments(tmp_path: Path) -> None:
    golden, now = steps(1, eta=0.0, scale=1.0, flag=True), steps(1, eta=0.5, scale=1.0 + 1e-12, new=2)
    assert findings(tmp_path, golden, now) == [
        ExactFinding("unet.forward.eta", "0.0", "0.5", fails=True, name="unet.forward.eta"),
        ExactFinding("unet.forward.flag", "true", None, fails=False, name="unet.forward.flag"),
        ExactFinding("unet.forward.new", None, "2", fails=False, name="unet.forward.new"),
    ]


@pytest.mark.parametrize("name", ["device", "return_dict", "generator", "return_tensors"])
def test_arguments_that_say_only_where(name: str, tmp_path: Path) -> None:
    assert findings(tmp_path, steps(1, **{name: "cpu"}), steps(1, **{name: "cuda:0"})) == []


def test_state_of_the_generator_fails_nothing(tmp_path: Path) -> None:
    golden, now = (
        [Call("noise.randn_tensor", {}, {"noise": np.ones(2) * x}, {"before": str(x)})] for x in (1, 2)
    )
    assert findings(tmp_path, golden, now) == []


def test_modules_are_left_out(tmp_path: Path) -> None:
    golden = [Call("unet.forward", inside=[Call("unet:a.forward", {"ids": np.array([1])})])]
    assert findings(tmp_path, golden, [Call("unet.forward")]) == []


def test_like_modules_in_one_finding(tmp_path: Path) -> None:
    def structure(eps: float, other: float) -> Any:
        return structure_of(modules={"unet": {"a": {"eps": eps}, "b": {"eps": eps}, "c": {"eps": other}}})

    golden = trace(tmp_path, "golden", [], structure=structure(1e-5, 1e-5))
    now = trace(tmp_path, "now", [], structure=structure(1e-6, 1e-4))
    assert exact_findings(golden, now, ()) == (
        ExactFinding("unet.a.eps and 1 more", "1e-05", "1e-06", fails=True, name="unet.a.eps"),
        ExactFinding("unet.c.eps", "1e-05", "0.0001", fails=True, name="unet.c.eps"),
    )
    # accepted by name, before like ones are put together
    assert exact_findings(golden, now, ("unet.[ac].eps",)) == (
        ExactFinding("unet.b.eps", "1e-05", "1e-06", fails=True, name="unet.b.eps"),
        ExactFinding("unet.a.eps", "1e-05", "1e-06", fails=False, name="unet.a.eps"),
        ExactFinding("unet.c.eps", "1e-05", "0.0001", fails=False, name="unet.c.eps"),
    )


def test_accepted_events(tmp_path: Path) -> None:
    (one,) = findings(tmp_path, steps(3, 2), steps(3), "unet.forward.calls")
    assert not one.fails
    (one,) = findings(tmp_path, steps(3), steps(4), "unet.*.timestep")
    assert not one.fails


@pytest.mark.parametrize(
    ("name", "dtype", "class_name", "expected"),
    [
        ("input_ids", "int64", TEXT, True),
        ("attention_mask", "bool", TEXT, True),
        ("timestep", "int64", "", True),
        ("timesteps", "float32", "", False),
        ("class_labels", "int32", "", True),
        ("encoder_attention_mask", "float32", "", False),
        ("length", "int64", "transformers.CLIPTokenizer", True),
        ("length", "int64", TEXT, False),
        ("mask", "uint8", "", False),
    ],
)
def test_is_exact(name: str, dtype: str, class_name: str, expected: bool) -> None:
    assert is_exact(Slot(name, dtype, (1,)), class_name) is expected


def test_pair_mismatches_name_the_way(tmp_path: Path) -> None:
    golden, now = (
        trace(tmp_path, str(x), [Call("tokenizer.__call__", {"ids": np.array([x])}, {"mask": np.array([x])})])
        for x in (1, 2)
    )
    found = list(pair_mismatches(golden, golden.events[0], now, now.events[0]))
    assert [one.what for one in found] == ["in:ids", "out:mask"]
    assert [one.at for one in found] == [0, 0]
