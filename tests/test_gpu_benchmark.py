"""The benchmark of a GPU: ratios within rounds, peaks with the weights once, and goals that are missed by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import gpu
from benchmarks.gpu import Measured, Setting

MIB = 2**20


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    return Setting("cuda", "builtin:sd-digits", "float16", 20, tmp_path)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let runs take this long: each round is a second slower than the one before; `modules` takes twice as long."""
    asked: list[str] = []
    factor = {"plain": 1.0, "none": 1.01, "components": 1.05, "modules": 2.0}

    def measure(name: str) -> Measured:
        asked.append(name)
        slower = asked.count(name)
        run = factor[name] * slower
        return Measured(run, run + 1.0, (100 if name == "plain" else 150) * MIB)

    monkeypatch.setattr(gpu, "_measuring", lambda _setting: (measure, 1000 * MIB))
    return asked


def test_levels(setting: Setting, measured: list[str]) -> None:
    rows, missed = gpu.levels(setting, 4)

    assert [(row["level"], row["goal"], row["met"]) for row in rows] == [
        ("plain", None, None),
        ("none", 1.02, True),
        ("components", 1.05, True),
        ("modules", 1.15, False),
    ]
    assert [row["run / plain"] for row in rows] == pytest.approx([1.0, 1.01, 1.05, 2.0])
    # Rounds 2 to 5, after the first that warms up: of (2n + 1) / (n + 1) the median.
    assert rows[3]["whole / plain"] == pytest.approx((7 / 4 + 9 / 5) / 2)
    assert [row["peak MiB"] for row in rows] == [1100, 1150, 1150, 1150]
    assert rows[1]["peak / plain"] == pytest.approx(1150 / 1100)
    assert missed == ["modules: 2.000 times the plain pipeline; the goal is at most 1.15"]


def test_every_level_takes_every_place_in_a_round(setting: Setting, measured: list[str]) -> None:
    gpu.levels(setting, 8)
    rounds = [measured[start : start + 4] for start in range(4, 36, 4)]
    assert all(sorted(one) == sorted(("plain", *gpu.GOALS)) for one in rounds)
    for place in range(4):
        assert len({one[place] for one in rounds}) == 4


def test_verify_is_compared_beyond_its_start(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(gpu, "_done", lambda _command: "2.0\n")
    monkeypatch.setattr(gpu, "_harness", lambda _setting, cases, *words: asked.append((cases, *words)))
    monkeypatch.setattr(gpu, "_timed", lambda _setting, count: 10.0 + 3.0 * count)

    [row], missed = gpu.verify(setting, 20)

    assert asked == [(20, "verify", "--allow-missing"), (20, "accept")]
    assert (row["verify, each s"], row["bare, each s"], row["verify, one s"]) == (3.0, 2.0, 13.0)
    assert missed == ["verify of 20 cases: 1.500 times the bare script; the goal is at most 1.05"]


@pytest.mark.parametrize(("device", "code"), [("cuda", 1), ("cpu", 0)])
def test_the_report_and_the_exit_code(
    setting: Setting,
    measured: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    device: str,
    code: int,
) -> None:
    monkeypatch.setattr(gpu, "_setting", lambda *_given: setting)
    words = [
        "--device",
        device,
        "--size",
        "small",
        "--part",
        "levels",
        "--rounds",
        "1",
        "--json",
        str(tmp_path / "r"),
    ]
    assert gpu.main(words) == code
    report = json.loads((tmp_path / "r").read_text())
    assert report["schema"] == 1
    assert [row["level"] for row in report["rows"]] == ["plain", "none", "components", "modules"]
    assert len(report["missed"]) == 1


def test_its_cases_are_the_same_whatever_their_number(setting: Setting) -> None:
    from harness.config.load import load_cases

    [one] = load_cases(setting.configs([0], "components")).cases
    first, second = load_cases(setting.configs(range(2), "components")).cases
    assert (one.id, one.digest()) == (first.id, first.digest())
    assert second.seed == 1


def test_the_size_of_stable_diffusion_is_that_of_the_other_benchmark() -> None:
    from benchmarks.trace import _STABLE_DIFFUSION

    assert dict(_STABLE_DIFFUSION) == {**gpu.SD15, "cross_attention_dim": 768}
