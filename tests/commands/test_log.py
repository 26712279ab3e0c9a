"""`harness log`: who made goldens what they are, when and why, and what stands beside them."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from tests.golden.builders import environment
from tests.review.conftest import drifted, pretend
from tests.support.files import describe
from tests.support.pretend import Pretend

__all__ = ["drifted", "pretend"]


def test_the_screen(drifted: Pretend) -> None:
    drifted.here = replace(environment(torch="2.14.0"))
    drifted.harness("verify")
    drifted.harness("reject", "a/one", "--reason", "the colours are wrong")
    drifted.harness("accept", "a/one", "--draft", "--reason", "they are right after all")
    drifted.harness("accept", "a/one", "--confirm", "--reason", "agreed")
    ran = drifted.harness("log", "a/one")
    assert ran.code == 0, ran.err
    shown = re.sub(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d\+00:00)?", "DATE", ran.out)
    shown = re.sub(r"cause\s+[0-9a-f]{16}", "cause CAUSE", shown)
    assert shown == (
        "a/one  (cpu-x86_64)\n"
        "  2  DATE  accept by Ann <ann@example.org>\n"
        "     they are right after all\n"
        "     confirmed DATE by Ann <ann@example.org>: agreed\n"
        "     before: drifted, images max_abs 0.25, rel_l2 0.431, psnr 12, cause CAUSE\n"
        "     environment, golden -> now:\n"
        "       torch: 2.13.0 -> 2.14.0\n"
        "     until then rejected on DATE because the colours are wrong (Ann)\n"
        "  1  DATE  record by Ann <ann@example.org>\n"
    )


def test_what_stands_beside_a_golden(drifted: Pretend) -> None:
    drifted.harness("reject", "a/one", "--reason", "the colours are wrong")
    drifted.harness("accept", "a/one", "--draft", "--reason", "let us see")
    ran = drifted.harness("log", "a/one", "--json", "l.json")
    assert "waiting draft by Ann, " in ran.out
    assert "because the colours are wrong (Ann)" in ran.out
    [case] = json.loads((drifted.folder / "l.json").read_text())["cases"]
    assert [entry["how"] for entry in case["entries"]] == ["record"]
    assert [one["reason"] for one in case["rejections"]] == ["the colours are wrong"]
    assert case["draft"]["reason"] == "let us see"


def test_a_golden_older_than_histories_and_one_whose_case_is_gone(drifted: Pretend) -> None:
    describe(drifted.golden("a/one"), lambda document: document.pop("history"))
    (drifted.folder / "configs/a/one.yaml").unlink()
    ran = drifted.harness("log", "a/one")
    assert ran.code == 0
    assert re.search(r"  1  \S+  record by unknown\n", ran.out)
    assert [line for line in drifted.harness("log").out.splitlines() if "cpu-x86_64" in line] == [
        "a/two  (cpu-x86_64)",
        "a/one  (cpu-x86_64)",
    ]


def test_a_damaged_golden_is_an_error_and_the_others_are_shown(drifted: Pretend) -> None:
    drifted.golden("a/one").write_bytes(b"damaged")
    ran = drifted.harness("log")
    assert ran.code == 3
    assert "a/one/cpu-x86_64.safetensors: is truncated" in " ".join(ran.out.split())
    assert "a/two  (cpu-x86_64)" in ran.out


def test_what_has_no_history(drifted: Pretend) -> None:
    drifted.config("a/new")
    ran = drifted.harness("log", "a/new")
    assert ran.code == 2
    assert "goldens: holds nothing of these cases" in ran.err
    assert drifted.harness("log", "nowhere").code == 2


def test_no_reason_acts_on_a_terminal(drifted: Pretend) -> None:
    drifted.harness("accept", "a/one", "--reason", "a fix")

    def edit(document: dict) -> None:
        document["history"][-1]["reason"] = "\x1b[31m\n::error::no"
        document["history"][-1]["by"]["name"] = "\x1b]0;x\x07"

    describe(drifted.golden("a/one"), edit)
    ran = drifted.harness("log", "a/one")
    assert "\x1b" not in ran.out
    assert not any(line.lstrip().startswith("::") for line in ran.out.splitlines())
