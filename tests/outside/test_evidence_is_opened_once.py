"""Through the real commands: a golden's header and trace are read once per case, and a replay follows its run."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from harness.core.capture import Completed, Lost, Outcome
from harness.golden import tensors
from harness.golden.header import Header, read_header
from harness.golden.tensors import TensorFile
from harness.golden.trace import Trace
from harness.run.trial import Trial
from tests.support.pretend import CONFIG, Pretend, pretend
from tests.support.traces import Call, write_trace

__all__ = ["pretend"]

TRACED = CONFIG.replace("trace: none", "trace: full") + "tolerance: {same: {rel_l2: 1.0e-2}}\n"
CASES = ("drifting", "quiet", "within")
VALUES = np.linspace(-1.0, 1.0, 64, dtype=np.float32)


class Reads:
    """How often each file was opened, and its trace decoded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.headers, self.traces = Counter[str](), Counter[str]()
        decode = Trace.__init__

        def reading(file: object, path: Path) -> Header:
            self.headers[path.as_posix()] += 1
            return read_header(file, path)  # type: ignore[arg-type]

        def decoding(trace: Trace, file: TensorFile) -> None:
            self.traces[file.path.as_posix()] += 1
            decode(trace, file)

        monkeypatch.setattr(tensors, "read_header", reading)
        monkeypatch.setattr(Trace, "__init__", decoding)


@pytest.fixture
def recorded(pretend: Pretend) -> Pretend:
    """Three cases with goldens, two of which come out otherwise from now on."""
    factors = dict.fromkeys(CASES, 1.0)

    def before(trial: Trial) -> Outcome:
        values = (VALUES * np.float32(factors[trial.case.id])).astype(np.float32)
        told = {"case": trial.case, "env": pretend.here, "forced": trial.forced is not None}
        calls = [Call("unet.forward", {"sample": VALUES}, {"sample": values})]
        # Two runs never are the same file.
        more = {"filled_in": {"run": len(pretend.runs)}}
        write_trace(trial.capture, calls, returned={"images": values}, **told, **more)
        return Completed(str(trial.capture), pretend.here, 1.0)

    pretend.before = before
    for name in CASES:
        pretend.config(name, TRACED)
    assert pretend.record().code == 0
    factors |= {"drifting": 1.5, "within": 1.001}
    pretend.runs.clear()
    return pretend


@pytest.mark.parametrize(
    ("words", "replayed"),
    [
        (("verify",), ()),
        (("verify", "--forced"), CASES),
        (("explain",), ("drifting", "within")),
        (("explain", "--forced"), CASES),
    ],
)
def test_every_file_is_opened_and_every_trace_decoded_once(
    recorded: Pretend, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], replayed: tuple[str, ...]
) -> None:
    reads = Reads(monkeypatch)
    recorded.harness(*words)
    goldens = {f"goldens/{name}/cpu-x86_64.safetensors" for name in CASES}
    folder = "out/explain/captures" if "explain" in words else "out/captures"
    captures = {f"{folder}/{name}/capture.safetensors" for name in CASES}
    captures |= {f"{folder}/{name}/forced.safetensors" for name in replayed}
    # The page of a verify shows what failed: the files of those cases, but no trace, are opened once more for it.
    failing = {"verify": ("drifting",), "verify --forced": ("drifting", "within")}.get(" ".join(words), ())
    plain = {path for path in goldens | captures if not path.endswith("forced.safetensors")}
    again = {path: 1 for path in plain if any(f"/{name}/" in path for name in failing)}
    assert reads.headers == {path: 1 + again.get(path, 0) for path in goldens | captures}
    assert reads.traces == dict.fromkeys(goldens | captures, 1)


def test_a_replay_follows_the_run_of_its_case(recorded: Pretend) -> None:
    recorded.harness("verify", "--forced")
    assert recorded.runs == [name for name in CASES for _ in range(2)]
    assert {name: recorded.of(name)["verdict"] for name in CASES} == {
        "drifting": "drifted",
        "quiet": "identical",
        "within": "drifted",
    }
    assert all(recorded.of(name)["boundaries"] for name in CASES)


def test_explain_replays_what_differs_and_decides_nothing_by_it(recorded: Pretend) -> None:
    recorded.harness("explain")
    assert recorded.runs == ["drifting", "drifting", "quiet", "within", "within"]
    of = {name: recorded.of(name, "explain.json") for name in CASES}
    assert [of[name]["verdict"] for name in CASES] == ["drifted", "identical", "within"]
    assert [bool(of[name]["boundaries"]) for name in CASES] == [True, False, True]


def test_a_replay_that_gets_lost_leaves_no_pass(recorded: Pretend) -> None:
    plain = recorded.before
    recorded.before = lambda trial: Lost("killed") if trial.forced else plain(trial)
    assert recorded.harness("verify", "--forced").code == 3
    assert {name: recorded.of(name)["verdict"] for name in CASES} == {
        "drifting": "drifted",
        "quiet": "error",
        "within": "error",
    }
    assert recorded.of("quiet")["reasons"] == [{"why": "killed", "kind": "replay-failed"}]


def test_no_file_is_left_open(recorded: Pretend, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[TensorFile] = []
    begin = TensorFile.__init__

    def remembering(file: TensorFile, path: Path) -> None:
        begin(file, path)
        opened.append(file)

    monkeypatch.setattr(TensorFile, "__init__", remembering)
    recorded.harness("verify", "--forced")
    assert opened
    assert not any(file._close.alive for file in opened)
