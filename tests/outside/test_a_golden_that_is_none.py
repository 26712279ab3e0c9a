"""A file in a golden's place that is no golden judges nothing, is kept by nobody and is said to be what it is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from harness.core.capture import Lost
from tests.golden.builders import environment
from tests.support.files import describe, flip_bit
from tests.support.pretend import CONFIG, Pretend, pretend

__all__ = ["pretend"]

POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12345\n"

Damage = Callable[[Path], object]


def document(**changes: Any) -> Damage:
    return lambda path: describe(path, lambda found: found.update(changes))


def definition(**changes: Any) -> Damage:
    return lambda path: describe(path, lambda found: found["definition"].update(changes))


def elsewhere(path: Path) -> None:
    describe(path, lambda found: found["environment"].update(platform="cuda-sm90"))


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def link(path: Path) -> None:
    path.unlink()
    path.symlink_to("../../.git/annex/objects/xx/SHA256E-s1--ab")


FOREIGN: dict[str, tuple[Damage, str]] = {
    "perturbed": (document(perturbed=3), "it holds a run that was perturbed on purpose"),
    "a perturbation that never acted": (document(perturbed=0), "perturbed on purpose"),
    "forced": (document(forced=True), "it holds a forced replay"),
    "of another case": (document(case="b"), "it holds the case b, not a"),
    "accepted by nobody": (document(accepted=None), "neither `harness record` nor `harness accept`"),
    "accepted somehow": (
        document(accepted={"how": "hand", "at": "", "runs": 1, "harness_version": "", "noise": []}),
        "accepted in an unknown way ('hand')",
    ),
    "of another platform": (elsewhere, "it was recorded on cuda-sm90, but its name says cpu-x86_64"),
    "another definition under this digest": (definition(seed=7), "not that of the definition it holds"),
    "a digest of nothing": (document(digest="0" * 64), "not that of the definition it holds"),
}

UNREADABLE: dict[str, tuple[Damage, str]] = {
    "empty": (lambda path: path.write_bytes(b""), "is empty"),
    "cut off": (lambda path: path.write_bytes(path.read_bytes()[:-5]), "is truncated"),
    "cut off in the header": (lambda path: path.write_bytes(path.read_bytes()[:40]), "is truncated"),
    "Git LFS pointer": (lambda path: path.write_text(POINTER), "fetch it: git lfs pull"),
    "conflict": (lambda path: path.write_text(f"<<<<<<< HEAD\n{POINTER}=======\n"), "conflict of a merge"),
    "folder": (folder, "is a folder"),
    "link": (link, "git annex get"),
    "of a newer harness": (document(schema=2), "upgrade the harness"),
    "one bit": (lambda path: flip_bit(path, "output/images"), "output/images is damaged"),
    "more digests than tensors": (
        lambda path: describe(path, lambda found: found["sha256"].update(more="0" * 64)),
        "does not match its tensors",
    ),
}

EVERY = {**FOREIGN, **UNREADABLE}


@pytest.fixture
def recorded(pretend: Pretend) -> Pretend:
    for name in ("a", "b"):
        pretend.config(name)
    assert pretend.record().code == 0
    return pretend


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("name", EVERY)
def test_verify_says_error_and_why(recorded: Pretend, name: str) -> None:
    damage, told = EVERY[name]
    damage(recorded.golden("a"))
    ran = recorded.harness("verify")
    assert ran.code == 3, ran.out + ran.err
    case = recorded.of("a")
    assert case["verdict"] == "error"
    assert told in f"{case['reason']}; {case['next_step']}"
    assert case["reason"].startswith("goldens/a/cpu-x86_64.safetensors: ")
    assert recorded.of("b")["verdict"] == "identical"
    assert "harness record" not in case["next_step"], "recording over it would make today's numbers the truth"
    assert "record --update a" not in words(ran.out)


@pytest.mark.parametrize("name", EVERY)
def test_record_does_not_keep_it(recorded: Pretend, name: str) -> None:
    damage, told = EVERY[name]
    damage(recorded.golden("a"))
    ran = recorded.record()
    assert ran.code == 3, ran.out + ran.err
    case = recorded.of("a", "record.json")
    assert case["state"] == "error"
    assert told in f"{case['reason']}; {case['next_step']}"
    assert "record --update a" not in words(ran.out)
    assert recorded.of("b", "record.json")["state"] == "kept"


@pytest.mark.parametrize("name", [*FOREIGN, "cut off", "Git LFS pointer", "of a newer harness"])
def test_list_shows_it(recorded: Pretend, name: str) -> None:
    damage, told = EVERY[name]
    damage(recorded.golden("a"))
    ran = recorded.harness("list", "--device", "cpu", "--json", "list.json")
    assert ran.code == 0
    assert ("unusable" if name in FOREIGN else "unreadable") in ran.out
    assert words(told) in words(ran.out)
    listed = json.loads((recorded.folder / "list.json").read_text())["cases"]
    [golden] = next(case["goldens"] for case in listed if case["case"] == "a")
    assert told in golden["unusable"]
    assert golden["readable"] is (name in FOREIGN)


@pytest.mark.parametrize("name", ["perturbed", "accepted by nobody", "of another case", "cut off"])
def test_an_update_that_was_asked_for_replaces_it_and_says_what_was_there(
    recorded: Pretend, name: str
) -> None:
    damage, told = EVERY[name]
    damage(recorded.golden("a"))
    assert recorded.record("--update", "a").code == 0
    case = recorded.of("a", "record.json")
    assert case["state"] == "updated", "the same bits do not make it unchanged"
    assert told in case["reason"]
    assert recorded.harness("verify").code == 0


def test_a_capture_copied_over_the_golden(recorded: Pretend) -> None:
    assert recorded.harness("verify").code == 0
    shutil.copy(recorded.capture("a"), recorded.golden("a"))
    assert recorded.harness("verify").code == 3
    assert "neither `harness record` nor `harness accept` made it one" in recorded.of("a")["reason"]


def test_a_golden_copied_for_another_platform(recorded: Pretend) -> None:
    shutil.move(recorded.golden("a"), recorded.golden("a", "cpu-aarch64"))
    assert recorded.harness("verify").code == 3
    assert "it was recorded on cpu-x86_64, but its name says cpu-aarch64" in recorded.of("a")["reason"]


def test_a_golden_of_an_older_definition_is_stale_and_not_kept(recorded: Pretend) -> None:
    recorded.config("a", CONFIG.replace("steps: 2", "steps: 3"))
    assert recorded.harness("verify").code == 1
    assert (recorded.of("a")["verdict"], recorded.of("a")["reason"]) == ("stale", "steps: 2 → 3")
    ran = recorded.record()
    assert ran.code == 1, ran.out + ran.err
    case = recorded.of("a", "record.json")
    assert (case["state"], case["reason"]) == ("stale", "the golden is of another definition: steps: 2 → 3")
    assert "harness record --update a" in case["next_step"]


def test_safetensors_of_somebody_else(recorded: Pretend) -> None:
    save_file({"weight": np.zeros(3)}, recorded.golden("a"))
    assert recorded.harness("verify").code == 3
    assert "holds no document of the harness" in recorded.of("a")["reason"]


def forged(path: Path, name: str, content: bytes) -> None:
    """Put `content` in the place of a tensor, with the digest that belongs to it."""
    from hashlib import sha256

    tensors = load_file(path)
    tensors[name] = np.frombuffer(content, np.uint8)
    found: dict[str, Any] = {}
    describe(path, found.update)
    found["sha256"] = {key: sha256(value.tobytes()).hexdigest() for key, value in tensors.items()}
    save_file(tensors, path, metadata={"harness": json.dumps(found)})


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b"{}", b'{"level": "full"}'])
@pytest.mark.parametrize("name", ["trace/events", "trace/structure", "trace/more"])
def test_a_trace_that_cannot_be_decoded(recorded: Pretend, name: str, content: bytes) -> None:
    forged(recorded.golden("a"), name, content)
    recorded.config("a", CONFIG.replace("trace: none\n", ""))
    assert recorded.harness("verify", "a").code == 3
    assert recorded.of("a")["verdict"] == "error"
    assert "Traceback" not in recorded.harness("record", "a", "--no-gates").err


def test_a_golden_without_the_trace_that_its_case_asks_for_is_not_kept(recorded: Pretend) -> None:
    recorded.config("a", CONFIG.replace("trace: none\n", ""))
    ran = recorded.record()
    assert ran.code == 3, ran.out + ran.err
    case = recorded.of("a", "record.json")
    assert case["state"] == "error"
    assert case["reason"].startswith("goldens/a/cpu-x86_64.safetensors: the golden has no trace")
    assert "harness record --update a" in case["next_step"]
    assert recorded.of("b", "record.json")["state"] == "kept"


def test_the_golden_of_another_machine_is_one(recorded: Pretend) -> None:
    recorded.here = environment(torch="2.14.0")
    assert recorded.harness("verify").code == 0
    assert {case["relation"] for case in recorded.report()["cases"]} == {"same-hardware"}


def test_a_golden_is_kept_also_where_the_machine_could_not_be_asked_before(
    recorded: Pretend, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = recorded.golden("a").read_bytes()
    monkeypatch.setattr(
        "harness.trials.session.fingerprint", lambda *_given: Lost("the worker did not answer")
    )
    recorded.values["a"] = np.zeros(64, np.float32)
    recorded.record("a")
    assert recorded.of("a", "record.json")["state"] == "kept"
    assert recorded.golden("a").read_bytes() == before
