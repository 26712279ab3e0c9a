"""What is advised: which commands, in which order, and when none."""

from __future__ import annotations

from harness.core.results.next_step import (
    NextStep,
    accept_step,
    advice,
    failure_steps,
    harness_step,
    judged_in,
    rename_step,
    stream_steps,
    without_accept,
)


def test_a_step_of_ours_is_a_command_word_by_word() -> None:
    assert harness_step("to see", "explain", "a b") == NextStep("to see", ("harness", "explain", "a b"))


def test_advice_is_one_step_without_a_command_and_nothing_for_no_words() -> None:
    assert advice("look at it") == (NextStep("look at it", ()),)
    assert advice("") == ()


def test_a_failure_is_explained_or_accepted() -> None:
    unmeant, meant = failure_steps("ddim/two")
    assert unmeant.argv == ("harness", "explain", "ddim/two")
    assert unmeant.why == "if the change is not intended, find where it began and fix that"
    assert meant.why == "if the change is intended"
    assert meant.argv == ("harness", "accept", "ddim/two", "--reason", "...")


def test_what_accepts_names_the_output_folder() -> None:
    unmeant, meant = failure_steps("a")
    assert judged_in((unmeant, meant), "") == (unmeant, meant)
    here = accept_step(meant.why, "a", out="other")
    assert here.argv == ("harness", "accept", "--out", "other", "a", "--reason", "...")
    assert judged_in((unmeant, meant), "other") == (unmeant, here)


def test_what_moved_is_put_back_first() -> None:
    unmeant, meant = failure_steps("a", ("torch 2.5", "numpy 1.26"))
    assert (
        unmeant.why
        == "if the change is not intended, go back to torch 2.5, numpy 1.26 or fix what moved the case"
    )
    assert meant == failure_steps("a")[1]


def test_what_forced_replay_found_is_explained_by_it() -> None:
    unmeant, meant = failure_steps("a", forced=True)
    assert unmeant.argv == ("harness", "explain", "--forced", "a")
    assert "--forced" not in meant.argv


def test_another_stream_asks_for_a_golden_or_for_noise_in_the_config() -> None:
    here, by_config = stream_steps("a", "configs/a.yaml", "float16")
    assert here.argv == ("harness", "record", "--update", "a")
    assert "its own stream for float16" in here.why
    assert by_config.argv == ()
    assert "`tolerance: {cross-hardware: refuse}` in configs/a.yaml" in by_config.why


def test_a_family_is_renamed_as_a_whole() -> None:
    words = ("harness", "rename", "--goldens-only")
    assert rename_step("a", "b/c").argv == (*words, "a", "b/c")
    assert rename_step("a@x=1", "b@x=1").argv == (*words, "a", "b")
    assert rename_step("a@x=1", "b@y=1").argv == (*words, "a@x=1", "b@y=1")
    assert rename_step("a@x=1", "b").argv == (*words, "a@x=1", "b")


def test_what_other_versions_gave_is_not_advised_to_be_accepted() -> None:
    explained, accepted = (
        harness_step("why", "explain", "a"),
        accept_step("if intended", "a", out="elsewhere"),
    )
    assert without_accept((explained, accepted)) == (explained,)
