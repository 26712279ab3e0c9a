"""`harness env --portable` in words and exit codes; the worker is made up."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.core.capture import Lost
from harness.core.case import Determinism
from harness.core.environment import Environment
from harness.core.messages import Ready
from harness.core.portable import known_answers
from harness.core.portable.known_answers import builds
from harness.core.results.next_step import advice
from tests.golden.builders import ACCEPTED, a_case, environment, write_capture
from tests.support.pretend import Pretend, pretend

__all__ = ["pretend"]

ANSWERS = {"exp float32": "aaaaaaaa", "conv2d float32": "bbbbbbbb"}
LOST = "MKL_CBWR is not set instead of COMPATIBLE"


def portable(**changes: object) -> Environment:
    here = environment()
    here = replace(here, switches=replace(here.switches, portable=True), known_answers=ANSWERS)
    return replace(here, **changes)  # type: ignore[arg-type]


def not_portable(reason: str | None, answers: dict[str, str] | None = None) -> Environment:
    here = portable(known_answers=answers or {}, not_portable=reason)
    return replace(here, switches=replace(here.switches, portable=False))


class Machine:
    """What the worker says, and what is on record."""

    def __init__(self, project: Pretend, monkeypatch: pytest.MonkeyPatch) -> None:
        self.project = project
        self.says: Ready | Lost = Ready(portable())
        self.asked: list[tuple[Determinism, str]] = []
        self._monkeypatch = monkeypatch
        monkeypatch.setattr("harness.commands.env.first_word", self._first_word)
        self.on_record(ANSWERS)

    def _first_word(self, wished: Determinism, device: str, *_given: object) -> Ready | Lost:
        self.asked.append((wished, device))
        return self.says

    def on_record(self, answers: dict[str, str] | None) -> None:
        entry = {"builds": dict(builds(environment().software)), "answers": answers}
        self._monkeypatch.setattr(known_answers, "_record", lambda: [entry] if answers else [])

    def golden(self, env: Environment) -> str:
        path = self.project.folder / "golden.safetensors"
        write_capture(path, {}, case=a_case(), env=env, accepted=ACCEPTED)
        return str(path)


@pytest.fixture
def machine(pretend: Pretend, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(pretend, monkeypatch)


def test_a_portable_machine(machine: Machine) -> None:
    ran = machine.project.harness("env", "--portable", "--json", "proof.json")

    assert (ran.code, ran.err) == (0, "")
    assert "2 operations, 0 differing; computed just now on Model" in ran.out
    assert ran.out.endswith("\nportable: this machine gives the answers on record for these builds\n")
    [(wished, device)] = machine.asked
    assert (wished.portable, device) == (True, "cpu")
    document = json.loads((machine.project.folder / "proof.json").read_text())
    assert document["portable"] is True
    assert document["summary"] == {"operations": 2, "differing": 0, "not_compared": 0}
    assert document["operations"][1] == {
        "operation": "conv2d float32",
        "kind": "torch float32",
        "computed": "bbbbbbbb",
        "on_record": "bbbbbbbb",
        "golden": None,
        "matches": True,
    }


def test_a_wrong_answer_is_named_and_fails(machine: Machine) -> None:
    reason = "this machine computes different bits for conv2d float32"
    machine.says = Ready(not_portable(reason, ANSWERS), remembered=True)
    machine.on_record({**ANSWERS, "conv2d float32": "deadbeef"})

    ran = machine.project.harness("env", "--portable")

    assert ran.code == 1
    assert "conv2d float32  bbbbbbbb  deadbeef   differs" in ran.out
    assert "remembered from an earlier start" in " ".join(ran.out.split())
    assert ran.out.endswith(f"\nnot portable: {reason}\n")


@pytest.mark.parametrize("reason", [LOST, "this CPU has no AVX2, which portable runs need"])
def test_a_machine_that_is_not_says_why_in_one_sentence(machine: Machine, reason: str) -> None:
    machine.says = Ready(not_portable(reason))

    ran = machine.project.harness("env", "--portable")

    assert (ran.code, ran.out) == (1, f"no operation was tested on Model\n\nnot portable: {reason}\n")


def test_builds_without_a_record_are_believed(machine: Machine) -> None:
    machine.on_record(None)

    ran = machine.project.harness("env", "--portable")

    assert ran.code == 0
    assert "0 differing, 2 not compared" in ran.out
    assert "nothing is on record for these builds" in ran.out


@pytest.mark.parametrize(
    ("golden", "code", "words"),
    [
        (portable(), 0, "the same bits in 2 operations that both computed"),
        (
            portable(known_answers={**ANSWERS, "exp float32": "deadbeef"}),
            1,
            "1 operation gave different bits there, so it judges by limits here",
        ),
        (not_portable(LOST), 1, f"not portable: {LOST}"),
        (environment(), 1, "not portable: it holds no known answers: it was not recorded by a portable run"),
    ],
    ids=["alike", "another answer", "lost", "not asked for"],
)
def test_a_golden_is_compared_whatever_is_on_record(
    machine: Machine, golden: Environment, code: int, words: str
) -> None:
    machine.on_record(None)
    path = machine.golden(golden)

    ran = machine.project.harness("env", "--portable", path)

    assert ran.code == code, ran.out + ran.err
    assert f"{path}: {words}".replace(" ", "").replace("\n", "") in ran.out.replace(" ", "").replace("\n", "")


def test_everything_is_shown_on_request(machine: Machine) -> None:
    ran = machine.project.harness("env", "--portable", "--all")

    assert "exp float32     aaaaaaaa  aaaaaaaa   identical" in ran.out


def test_where_no_worker_comes_up_nothing_is_known(machine: Machine) -> None:
    machine.says = Lost("torch cannot be imported here: no", next_steps=advice("install it"))

    ran = machine.project.harness("env", "--portable")

    assert (ran.code, ran.out) == (3, "")
    assert ran.err == "error: torch cannot be imported here: no\nnext: install it\n"


def test_a_file_that_holds_no_fingerprint_is_bad_usage(machine: Machine) -> None:
    Path(machine.project.folder / "a.json").write_text("{}")

    for name, words in (("a.json", "holds no fingerprint"), ("b.json", "no such file")):
        ran = machine.project.harness("env", "--portable", name)
        assert ran.code == 2
        assert words in ran.err
    assert machine.asked == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--portable", "a", "b"], "--portable compares this machine with one file; name one, or none"),
        (["--portable", "--device", "cuda"], "--portable is about the CPU; leave out --device"),
        (["--all"], "--all is for the table of --portable, or for --prune; leave it out"),
        (["--all", "a", "b"], "--all is for the table of --portable, or for --prune; leave it out"),
    ],
)
def test_what_would_have_no_effect_is_bad_usage(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from harness.parser import parsed

    with pytest.raises(SystemExit) as ended:
        parsed(["env", *words])
    assert ended.value.code == 2
    assert told in capsys.readouterr().err
