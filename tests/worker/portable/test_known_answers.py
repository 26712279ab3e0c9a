from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.core.environment import Software
from harness.core.portable import known_answers as words
from harness.core.portable.switches import VARIABLES
from harness.run.variables import can_be_portable
from harness.worker.portable import known_answers
from harness.worker.portable.operations import operations

SOFTWARE = Software(
    "Linux", "3.11", packages={"torch": "9.9", "numpy": "8.8", "scipy": "7.7"}, libc="glibc 2.0"
)


@pytest.fixture
def few(monkeypatch, tmp_path):
    """A table of three operations, counted, and a cache of its own."""
    calls = []

    def table():
        yield "one", lambda: calls.append("one") or torch.tensor([1.0, 2.0])
        yield "two", lambda: [np.float64(0.5), (torch.tensor([1j]), 3)]
        yield "three", lambda: 0.1

    monkeypatch.setattr(known_answers, "operations", table)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return calls


def test_an_answer_is_the_digest_of_the_bytes(few):
    import hashlib

    answers = known_answers.computed()

    assert list(answers) == ["one", "two", "three"]
    assert answers["one"] == hashlib.sha256(np.float32([1, 2]).tobytes()).hexdigest()[:8]
    parts = np.float64(0.5).tobytes() + np.float32([0, 1]).tobytes() + np.int64(3).tobytes()
    assert answers["two"] == hashlib.sha256(parts).hexdigest()[:8]


def test_a_machine_computes_them_once(few):
    first, again = known_answers.remembered({"cpu": "A"}), known_answers.remembered({"cpu": "A"})

    assert again.digests == first.digests
    assert (first.remembered, again.remembered) == (False, True)
    assert few == ["one"]


@pytest.mark.parametrize("other", [{"cpu": "B"}, {"cpu": "A", "variables": {"MKL_CBWR": "AVX2"}}])
def test_another_machine_or_other_variables_compute_their_own(few, other):
    known_answers.remembered({"cpu": "A"})
    known_answers.remembered(other)

    assert few == ["one", "one"]


DAMAGES = {
    "emptied": lambda text: "",
    "cut off": lambda text: text[:-9],
    "a list": lambda text: "[]",
    "an empty object": lambda text: "{}",
    "numbers": lambda text: '{"answers": {"one": 1}, "sha256": "0"}',
    "no sums": lambda text: json.dumps(json.loads(text)["answers"]),
    "nested too deeply": lambda text: "[" * 100_000,
    "another answer": lambda text: text.replace(json.loads(text)["answers"]["one"], "deadbeef"),
    "an answer fewer": lambda text: text.replace(f', "two": "{json.loads(text)["answers"]["two"]}"', ""),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_cache_is_computed_anew(few, tmp_path, damage):
    first = known_answers.remembered({"cpu": "A"})
    [file] = (tmp_path / "cache").rglob("*.json")
    whole = file.read_text()
    file.write_text(damage(whole))
    assert file.read_text() != whole

    assert known_answers.remembered({"cpu": "A"}) == first
    assert file.read_text() == whole


def test_a_cache_that_cannot_be_written_costs_no_more_than_time(few, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))

    assert set(known_answers.remembered({"cpu": "A"}).digests) == {"one", "two", "three"}


def test_threads_are_put_back(few):
    torch.set_num_threads(2)

    known_answers.computed()

    assert torch.get_num_threads() == 2


def test_every_operation_has_a_name_of_its_own():
    names = [name for name, _ in operations()]

    assert len(names) == len(set(names))
    assert len(names) > 300


def test_answers_on_record_are_for_exactly_these_builds(monkeypatch):
    entry = {"builds": dict(words.builds(SOFTWARE)), "answers": {"exp": "1", "scipy erf": "2"}}
    monkeypatch.setattr(words, "_record", lambda: [entry])

    assert words.on_record(SOFTWARE) == {"exp": "1", "scipy erf": "2"}
    for name in ("torch", "numpy"):
        other = {**SOFTWARE.packages, name: "0.1"}
        assert words.on_record(Software("Linux", "3.11", packages=other, libc="glibc 2.0")) == {}
    assert words.on_record(Software("Linux", "3.11", packages=SOFTWARE.packages, libc="glibc 2.1")) == {}


@pytest.mark.parametrize("scipy", [{}, {"scipy": "1.0"}])
def test_without_that_scipy_the_other_answers_count(monkeypatch, scipy):
    entry = {"builds": dict(words.builds(SOFTWARE)), "answers": {"exp": "1", "scipy erf": "2"}}
    monkeypatch.setattr(words, "_record", lambda: [entry])
    packages = {name: SOFTWARE.packages[name] for name in ("torch", "numpy")} | scipy

    assert words.on_record(Software("Linux", "3.11", packages=packages, libc="glibc 2.0")) == {"exp": "1"}


def _process(**other: str | None) -> dict[str, str]:
    """The answers of a process with the variables of portable runs, `other` ones in their place."""
    variables = {**os.environ, **VARIABLES, **other}
    done = subprocess.run(
        [sys.executable, "-m", "harness.worker.portable"],
        env={name: value for name, value in variables.items() if value is not None},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    recorded = [one for one in json.loads(_record_text()) if _same(one["builds"], found["builds"])]
    if not recorded:
        pytest.skip(f"no answers are on record for {found['builds']}")
    expected = recorded[0]["answers"]
    return {name: digest for name, digest in found["answers"].items() if expected.get(name) != digest}


def _same(one: dict[str, str], two: dict[str, str]) -> bool:
    return all(one[name] == two[name] for name in one)


def _record_text() -> str:
    return (Path(words.__file__).parent / words.RECORD).read_text()


@pytest.mark.skipif(not can_be_portable(), reason="this CPU has no AVX2")
def test_this_machine_computes_what_is_on_record():
    assert _process() == {}


@pytest.mark.skipif(not can_be_portable(), reason="this CPU has no AVX2")
def test_a_process_that_lost_variables_is_caught():
    """Each of these shows in an operation that the others do not touch, on every CPU with AVX2."""
    differing = _process(
        ATEN_CPU_CAPABILITY="default",
        ONEDNN_MAX_CPU_ISA="SSE41",
        MKL_CBWR="AVX2",
        OPENBLAS_CORETYPE="Sandybridge",
    )

    assert {"exp2 float32", "conv2d float32", "linear 64x768x320 float32", "numpy matmul float32"} <= set(
        differing
    )
