from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.core.capture import CaptureDocument, LoadedFile
from harness.core.case import Case, SchedulerSpec
from harness.golden.header import read_document
from harness.judge.stale import other_definition, other_weights
from harness.report.reason_words import reason_words
from tests.golden.builders import a_case, write_capture


def reason(folder: Path, golden: Case, now: Case) -> str:
    return changed(now, read_document(write_capture(folder / "a.safetensors", {}, case=golden)))


def changed(now: Case, golden: CaptureDocument) -> str:
    found = other_definition(now, golden)
    return reason_words([found] if found else [])


def weights(golden: CaptureDocument, now: CaptureDocument) -> str:
    found = other_weights(golden, now)
    return reason_words([found] if found else [])


def test_one_definition_is_no_other(tmp_path: Path) -> None:
    assert reason(tmp_path, a_case(), a_case()) == ""


def test_the_keys_that_differ(tmp_path: Path) -> None:
    golden = a_case(steps=50, scheduler=SchedulerSpec("DDIMScheduler"))
    now = a_case(steps=40, scheduler=SchedulerSpec("EulerDiscreteScheduler"), seed=1)
    assert reason(tmp_path, golden, now) == (
        'scheduler.class_name: "DDIMScheduler" → "EulerDiscreteScheduler"; seed: 0 → 1; steps: 50 → 40'
    )


def test_keys_of_one_side(tmp_path: Path) -> None:
    told = reason(tmp_path, a_case(call={"eta": 0.5}), a_case(call={"prompt": "a seven"}))
    assert told == 'call.eta: 0.5 → default; call.prompt: default → "a seven"'


def test_long_values_are_shown_where_they_part(tmp_path: Path) -> None:
    start = "a very long prompt that goes on and on about a digit, "
    told = reason(tmp_path, a_case(call={"prompt": start + "seven"}), a_case(call={"prompt": start + "nine"}))
    assert told == 'call.prompt: … about a digit, seven" → … about a digit, nine"'


@pytest.mark.parametrize("digest", ["0" * 64])
def test_another_digest_of_an_equal_definition(tmp_path: Path, digest: str) -> None:
    path = write_capture(tmp_path / "a.safetensors", {}, digest=digest)
    assert changed(a_case(), read_document(path)).startswith("ddim/two: the golden has a different digest")


def test_other_weights_name_the_component_and_the_commit(tmp_path: Path) -> None:
    golden = replace(
        read_document(write_capture(tmp_path / "a.safetensors", {})),
        weights={"unet": "a" * 64, "vae": "b" * 64},
        commit="1" * 40,
    )
    now = replace(golden, weights={"unet": "c" * 64, "vae": "b" * 64}, commit="2" * 40)
    assert weights(golden, now) == (
        f"unet: weights sha256 {'a' * 12}… → {'c' * 12}…; commit {'1' * 40} → {'2' * 40}"
    )
    assert weights(golden, golden) == ""


def test_other_files_are_named_with_their_digests_also_where_one_side_has_none(tmp_path: Path) -> None:
    golden = replace(
        read_document(write_capture(tmp_path / "a.safetensors", {})),
        files={
            "adapters[0]: a/b/x.safetensors": LoadedFile("a" * 64, "1" * 40),
            "gone": LoadedFile("d" * 64),
        },
    )
    now = replace(
        golden, files={"adapters[0]: a/b/x.safetensors": LoadedFile("b" * 64), "new": LoadedFile("c" * 64)}
    )
    assert weights(golden, now) == (
        f"adapters[0]: a/b/x.safetensors: sha256 {'a' * 12}… of commit {'1' * 12} → sha256 {'b' * 12}…; "
        f"gone: sha256 {'d' * 12}… → unknown; new: unknown → sha256 {'c' * 12}…"
    )


def test_another_commit_of_the_same_file_is_the_same_file(tmp_path: Path) -> None:
    golden = replace(
        read_document(write_capture(tmp_path / "a.safetensors", {})),
        files={"x": LoadedFile("a" * 64, "1" * 40)},
    )
    assert weights(golden, replace(golden, files={"x": LoadedFile("a" * 64, "2" * 40)})) == ""


def test_a_component_that_only_one_side_has_is_no_other_checkpoint(tmp_path: Path) -> None:
    golden = replace(read_document(write_capture(tmp_path / "a.safetensors", {})), weights={"unet": "a" * 64})
    assert weights(golden, replace(golden, weights={"unet": "a" * 64, "vae": "b" * 64})) == ""
