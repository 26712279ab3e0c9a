"""`harness accept --draft` and `--confirm`: what is only proposed judges nothing until somebody promotes it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from harness.core.history import Person
from harness.golden.header import read_document
from harness.golden.tensors import TensorFile
from tests.golden.builders import environment
from tests.review.conftest import SOON, drifted, pretend
from tests.support.files import describe
from tests.support.killed import killed_at, moments
from tests.support.pretend import CONFIG, VALUES, Pretend

__all__ = ["drifted", "pretend"]

ANN = Person("Ann", "ann@example.org")
WHY = ("--reason", "the scheduler was fixed")


def draft(project: Pretend, case: str = "a/one") -> Path:
    return project.golden(case).with_name("cpu-x86_64.draft.safetensors")


@pytest.fixture
def proposed(drifted: Pretend) -> Pretend:
    """The drifted case, proposed."""
    ran = drifted.harness("accept", "--draft", *WHY)
    assert ran.code == 0, ran.out + ran.err
    return drifted


def test_a_draft_leaves_the_golden_and_the_verdict(drifted: Pretend) -> None:
    before = drifted.golden("a/one").read_bytes()
    ran = drifted.harness("accept", "--draft", *WHY, "--json", "d.json")
    assert ran.code == 0
    told = {one["case"]: one for one in json.loads((drifted.folder / "d.json").read_text())["cases"]}
    assert {name: one["state"] for name, one in told.items()} == {"a/one": "proposed", "a/two": "unchanged"}
    assert told["a/one"]["next_step"] == "to make the draft the golden: harness accept a/one --confirm"
    assert drifted.golden("a/one").read_bytes() == before
    assert not draft(drifted, "a/two").exists()
    ran = drifted.harness("verify")
    assert ran.code == 1
    assert drifted.of("a/one")["verdict"] == "drifted"
    day = read_document(draft(drifted)).draft.entry.at.partition("T")[0]  # type: ignore[union-attr]
    waits = f"a draft by Ann of {day} waits for `harness accept --confirm`"
    assert drifted.of("a/one")["warnings"] == [waits]
    assert f"warning: {waits} (in a/one)" in " ".join(ran.out.split())


def test_a_draft_needs_a_reason_where_a_golden_is_to_change(drifted: Pretend) -> None:
    ran = drifted.harness("accept", "--draft")
    assert ran.code == 2
    assert "--reason: missing; to propose another golden of a/one needs a reason" in ran.err
    assert not draft(drifted).exists()


def test_confirmed_it_is_the_golden_and_the_history_knows_both(proposed: Pretend) -> None:
    ran = proposed.harness("accept", "--confirm", "--reason", "two of us looked")
    assert ran.code == 0, ran.out + ran.err
    assert "updated" in ran.out
    assert not draft(proposed).exists()
    document = read_document(proposed.golden("a/one"))
    first, entry = document.history
    assert (first.how, entry.how, entry.by, entry.reason) == ("record", "accept", ANN, WHY[1])
    assert entry.verdict == "drifted"
    assert entry.confirmed is not None
    assert (entry.confirmed.by, entry.confirmed.reason) == (ANN, "two of us looked")
    assert document.draft is None
    assert proposed.harness("verify").code == 0


def test_a_confirmation_needs_no_reason_but_a_draft(proposed: Pretend) -> None:
    assert proposed.harness("accept", "a/one", "--confirm").code == 0
    ran = proposed.harness("accept", "a/one", "--confirm")
    assert ran.code == 3
    assert "no draft of this case waits" in ran.out
    ran = proposed.harness("accept", "--confirm")
    assert ran.code == 2
    assert "no draft of these cases waits; make one with `harness accept --draft`" in ran.err


def test_a_first_golden_can_be_proposed(drifted: Pretend) -> None:
    drifted.config("a/new")
    assert drifted.harness("verify", "a/new").code == 1
    assert drifted.harness("accept", "a/new", "--draft").code == 0
    assert not drifted.golden("a/new").exists()
    assert drifted.harness("verify", "a/new").code == 1
    assert drifted.of("a/new")["verdict"] == "no-golden"
    assert drifted.harness("prune").code == 0
    assert drifted.harness("accept", "a/new", "--confirm").code == 0
    assert drifted.harness("verify", "a/new").code == 0


@pytest.mark.parametrize("change", ["golden", "gone", "definition"])
def test_what_changed_since_cannot_be_confirmed(proposed: Pretend, change: str) -> None:
    golden = proposed.golden("a/one")
    if change == "golden":
        describe(golden, lambda document: document.update(warnings=["pulled from upstream"]))
    elif change == "gone":
        golden.unlink()
    else:
        proposed.config("a/one", CONFIG.replace("steps: 2", "steps: 3"))
    before = golden.read_bytes() if golden.exists() else None
    ran = proposed.harness("accept", "a/one", "--confirm")
    assert ran.code == 3
    words = "different definition" if change == "definition" else "is outdated, since the golden has changed"
    assert words in " ".join(ran.out.split())
    assert (golden.read_bytes() if golden.exists() else None) == before
    assert draft(proposed).exists()


def test_another_proposal_takes_the_place_of_a_draft(proposed: Pretend) -> None:
    proposed.values["a/one"] = VALUES * 2
    assert proposed.harness("verify").code == 1
    ran = proposed.harness("accept", "a/one", "--draft", "--reason", "even better")
    assert "an older draft that waited was replaced" in " ".join(ran.out.split())
    assert proposed.harness("accept", "a/one", "--confirm").code == 0
    assert proposed.harness("verify").code == 0


def test_list_says_what_waits(proposed: Pretend) -> None:
    ran = proposed.harness("list", "--device", "cpu", "--json", "l.json")
    assert "waiting draft by Ann of" in " ".join(ran.out.split())
    assert "    harness accept a/one --confirm\n" in ran.out
    one, two = json.loads((proposed.folder / "l.json").read_text())["cases"]
    assert [(it["platform"], it["state"], it["reason"]) for it in one["drafts"]] == [
        ("cpu-x86_64", "waiting", WHY[1])
    ]
    assert (two["drafts"], [golden["platform"] for golden in one["goldens"]]) == ([], ["cpu-x86_64"])
    draft(proposed).write_bytes(b"damaged")
    assert "cpu-x86_64.draft.safetensors: is truncated" in " ".join(
        proposed.harness("list", "--device", "cpu").out.split()
    )


def test_prune_keeps_what_waits_and_lists_what_no_longer_can(proposed: Pretend) -> None:
    ran = proposed.harness("prune", "--json", "p.json")
    assert ran.code == 0
    path = "goldens/a/one/cpu-x86_64.draft.safetensors"
    assert f"kept: {path}, a draft that waits for `harness accept --confirm`" in " ".join(ran.out.split())
    assert json.loads((proposed.folder / "p.json").read_text())["waiting"] == [path]
    assert proposed.harness("accept", "a/one", "--reason", "at once").code == 0
    ran = proposed.harness("prune")
    assert ran.code == 1
    assert f"unused: {path}" in ran.out
    assert "its golden has changed since" in ran.out
    assert proposed.harness("prune", "--delete").code == 0
    assert not draft(proposed).exists()
    assert proposed.golden("a/one").exists()


def test_a_draft_never_judges_under_any_name(proposed: Pretend) -> None:
    shutil.copy(draft(proposed), proposed.golden("a/one"))
    assert proposed.harness("verify", "a/one").code == 3
    assert "it is a draft, which `harness accept --confirm` promotes" in " ".join(
        proposed.harness("list", "--device", "cpu").out.split()
    )


def test_each_platform_has_its_own(drifted: Pretend) -> None:
    drifted.here = environment("cuda-sm90", gpu="H100")
    assert drifted.harness("verify").code == 1
    assert drifted.harness("accept", "a/one", "--draft").code == 0
    assert drifted.harness("accept", "a/one", "--confirm", "--json", "c.json").code == 0
    [case] = json.loads((drifted.folder / "c.json").read_text())["cases"]
    assert (case["state"], case["platform"]) == ("recorded", "cuda-sm90")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--draft", "--confirm"), "--draft proposes and --confirm promotes; leave one of them out"),
        (
            ("--confirm", "--from", "x"),
            "--confirm promotes drafts, which hold their captures; leave out --from",
        ),
    ],
)
def test_what_makes_no_sense(drifted: Pretend, words: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(SystemExit):
        drifted.harness("accept", *words)


def state(project: Path) -> dict[str, object]:
    """Outputs, reasons in the history and rejections of the golden; whether the draft is there."""
    golden = project / "goldens/a/one/cpu-x86_64.safetensors"
    with TensorFile(golden) as file:
        for name in file.tensors:
            file.verify(name)
        document = file.document
    return {
        "outputs": document.sha256,
        "why": [entry.reason for entry in document.history],
        "ended": [one.reason for entry in document.history for one in entry.rejections],
        "files": sorted(
            path.name for path in golden.parent.iterdir() if not path.name.startswith(".harness")
        ),
    }


FILES = ["cpu-x86_64.draft.safetensors", "cpu-x86_64.rejected.json", "cpu-x86_64.safetensors"]


@pytest.mark.parametrize(
    "words", [("--confirm",), ("--reason", WHY[1]), ("--draft", *WHY)], ids=["confirm", "accept", "draft"]
)
def test_a_kill_at_any_moment_loses_nothing(drifted: Pretend, tmp_path: Path, words: tuple[str, ...]) -> None:
    """Every change to the file system is a moment; afterwards, the same command completes it."""
    assert drifted.harness("reject", "a/one", "--reason", "wrong").code == 0
    if words == ("--confirm",):
        assert drifted.harness("accept", "a/one", "--draft", *WHY).code == 0
    before = state(drifted.folder)
    files = {"--confirm": FILES[2:], "--reason": FILES[2:], "--draft": FILES}[words[0]]
    for moment in moments():
        copy = tmp_path / "copies" / str(moment)
        shutil.copytree(drifted.folder, copy, ignore=shutil.ignore_patterns("copies"))
        if not killed_at(moment, copy, "accept", "a/one", *words):
            break
        left = state(copy)
        whole = left["why"] == ["", WHY[1]]
        assert whole or {**left, "files": 0} == {**before, "files": 0}
        if whole and words[0] != "--draft":
            assert left["ended"] == ["wrong"], "in the history before the file goes"
        if "--confirm" not in words or FILES[0] in left["files"]:  # type: ignore[operator]
            assert Pretend(copy).harness("accept", "a/one", *words).code == 0
        after = state(copy)
        assert after["why"] == (before["why"] if words[0] == "--draft" else ["", WHY[1]])
        assert after["ended"] == ([] if words[0] == "--draft" else ["wrong"])
        assert after["files"] == files
    assert moment > 2, "there was something to interrupt"


def test_the_values_of_a_confirmed_draft_are_those_that_were_judged(proposed: Pretend) -> None:
    assert proposed.harness("accept", "a/one", "--confirm").code == 0
    with TensorFile(proposed.golden("a/one")) as file:
        [values] = [piece.tolist() for piece in file.arrays("output/images")]
    assert values == SOON.tolist()
