"""`harness reject`: a refused failure is recognised as long as it is the same, and nothing else changes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from harness.core.capture import Raised
from harness.golden.header import read_document
from harness.run.trial import Trial
from tests.golden.builders import environment
from tests.review.conftest import SOON, drifted, pretend
from tests.support.pretend import CONFIG, VALUES, Pretend

__all__ = ["drifted", "pretend"]

WHY = "the colours are wrong"


def day(project: Pretend, case: str = "a/one") -> str:
    rejected = json.loads(sidecar(project, case).read_text())["rejections"]
    return str(rejected[-1]["at"]).partition("T")[0]


def sidecar(project: Pretend, case: str = "a/one", platform: str = "cpu-x86_64") -> Path:
    return project.golden(case, platform).with_name(f"{platform}.rejected.json")


def told(project: Pretend, case: str = "a/one") -> str | None:
    rejected = project.of(case)["rejected"]
    return rejected and rejected["reason"]


def test_the_screen(drifted: Pretend) -> None:
    ran = drifted.harness("reject", "--reason", WHY)
    assert ran.code == 0, ran.out + ran.err
    assert ran.out == (
        "rejected  a/one  (cpu-x86_64, drifted)\n"
        "passed  a/two  (cpu-x86_64, identical)\n"
        "  passed, so there is nothing to reject\n"
        "\n"
        "2 cases: 1 rejected, 1 passed\n"
    )
    assert not sidecar(drifted, "a/two").exists()


def test_a_later_verify_says_so_everywhere_and_fails_as_before(drifted: Pretend) -> None:
    golden = drifted.golden("a/one").read_bytes()
    assert drifted.harness("reject", "a/one", "--reason", WHY).code == 0
    assert drifted.golden("a/one").read_bytes() == golden
    words = f"rejected on {day(drifted)} because {WHY} (Ann)"
    ran = drifted.harness("verify", "--junit", "j.xml")
    assert ran.code == 1
    assert f"  {words}\n" in ran.out
    case = drifted.of("a/one")
    assert case["verdict"] == "drifted"
    assert case["rejected"]["by"] == {"name": "Ann", "email": "ann@example.org", "source": "git"}
    assert told(drifted, "a/two") is None
    [failure] = ElementTree.parse(drifted.folder / "j.xml").iter("failure")
    assert words in str(failure.text)
    shown = drifted.harness("report", "--markdown", "m.md")
    assert words in shown.out
    assert words in (drifted.folder / "m.md").read_text()


def test_another_failure_is_not_it(drifted: Pretend) -> None:
    assert drifted.harness("reject", "a/one", "--reason", WHY).code == 0
    drifted.values["a/one"] = VALUES + np.float32(25)
    assert drifted.harness("verify").code == 1
    assert told(drifted) is None, "it grew by two decades"
    drifted.values["a/one"] = SOON
    assert drifted.harness("verify").code == 1
    assert told(drifted) == WHY
    drifted.here = environment("cuda-sm90", gpu="H100")
    assert drifted.harness("verify").code == 1
    assert told(drifted) is None, "it is another platform"


def test_rejected_again_the_latest_reason_stands(drifted: Pretend) -> None:
    for why in ("first", "second"):
        assert drifted.harness("reject", "a/one", "--reason", why).code == 0
    assert len(json.loads(sidecar(drifted).read_text())["rejections"]) == 1
    drifted.harness("verify")
    assert told(drifted) == "second"


def test_accepting_ends_it_and_the_history_remembers(drifted: Pretend) -> None:
    assert drifted.harness("reject", "a/one", "--reason", WHY).code == 0
    assert drifted.harness("accept", "a/one", "--reason", "they are right after all").code == 0
    assert not sidecar(drifted).exists()
    entry = read_document(drifted.golden("a/one")).history[-1]
    assert [(one.reason, one.verdict, one.cause) for one in entry.rejections] == [
        (WHY, "drifted", entry.cause)
    ]


def test_so_does_a_recording(drifted: Pretend) -> None:
    assert drifted.harness("reject", "a/one", "--reason", WHY).code == 0
    assert drifted.record("--update").code == 0
    assert not sidecar(drifted).exists()
    assert [one.reason for one in read_document(drifted.golden("a/one")).history[-1].rejections] == [WHY]


def test_a_case_without_a_golden_is_the_same_only_with_the_same_output(drifted: Pretend) -> None:
    drifted.config("a/new")
    assert drifted.harness("verify", "a/new").code == 1
    assert drifted.harness("reject", "a/new", "--reason", "the prompt is not settled").code == 0
    assert drifted.harness("verify").code == 1
    assert told(drifted, "a/new") == "the prompt is not settled"
    drifted.values["a/new"] = SOON
    assert drifted.harness("verify").code == 1
    assert told(drifted, "a/new") is None
    assert drifted.harness("accept", "a/new").code == 0
    assert not sidecar(drifted, "a/new").exists()


def test_another_definition_is_the_same_only_with_the_same_output(drifted: Pretend) -> None:
    drifted.config("a/two", CONFIG.replace("steps: 2", "steps: 3"))
    assert drifted.harness("verify", "a/two").code == 1
    assert drifted.harness("reject", "a/two", "--reason", "three are too many").code == 0
    assert drifted.harness("verify", "a/two").code == 1
    assert (drifted.of("a/two")["verdict"], told(drifted, "a/two")) == ("stale", "three are too many")
    drifted.config("a/two", CONFIG.replace("steps: 2", "steps: 4"))
    drifted.values["a/two"] = SOON
    assert drifted.harness("verify", "a/two").code == 1
    assert told(drifted, "a/two") is None


def test_a_pipeline_that_raises(drifted: Pretend) -> None:
    def broken(trial: Trial) -> Raised | None:
        return Raised("ValueError: no", "", environment(), 1.0) if trial.case.id == "a/two" else None

    drifted.before = broken
    assert drifted.harness("verify").code == 1
    assert drifted.harness("reject", "a/two", "--reason", WHY).code == 0
    assert drifted.harness("verify").code == 1
    assert (drifted.of("a/two")["verdict"], told(drifted, "a/two")) == ("broken", WHY)


def test_from_elsewhere(drifted: Pretend) -> None:
    (drifted.folder / "out").rename(drifted.folder / "artifact")
    assert drifted.harness("reject", "a/one", "--from", "artifact", "--reason", WHY).code == 0
    assert drifted.harness("verify").code == 1
    assert told(drifted) == WHY


def test_what_cannot_be_rejected(drifted: Pretend) -> None:
    ran = drifted.harness("reject", "a/one")
    assert ran.code == 2
    assert "--reason: missing; to reject a/one needs a reason" in ran.err
    assert drifted.harness("verify", "a/two").code == 0
    ran = drifted.harness("reject", "a/one", "--reason", WHY, "--json", "r.json")
    assert ran.code == 3
    [case] = json.loads((drifted.folder / "r.json").read_text())["cases"]
    assert (case["state"], case["cause"]) == ("error", None)
    assert case["reason"] == "is not among the cases that the last verify judged (1 in all)"
    (drifted.folder / "out/report.json").unlink()
    assert drifted.harness("reject", "--reason", WHY).code == 2
    assert not sidecar(drifted).exists()


def test_a_damaged_file_is_warned_about_and_decides_nothing(drifted: Pretend) -> None:
    assert drifted.harness("reject", "a/one", "--reason", WHY).code == 0
    sidecar(drifted).write_text("{")
    ran = drifted.harness("verify")
    assert ran.code == 1
    assert "cpu-x86_64.rejected.json: is no file of rejections" in " ".join(ran.out.split())
    assert drifted.harness("accept", "a/one", "--reason", "a fix").code == 3, "they would be lost"


def test_prune_knows_the_file(drifted: Pretend) -> None:
    assert drifted.harness("reject", "a/one", "--reason", WHY).code == 0
    assert drifted.harness("prune").code == 0
    drifted.golden("a/one").unlink()
    assert drifted.harness("prune").code == 0, "it stands for a case without a golden too"
    (drifted.folder / "configs/a/one.yaml").unlink()
    ran = drifted.harness("prune", "--delete", "--all")
    assert ran.code == 0, ran.out + ran.err
    assert not sidecar(drifted).exists()


@pytest.mark.parametrize("name", ["Eve\x1b[31m", "::error::"])
def test_what_is_quoted_acts_on_no_terminal(drifted: Pretend, name: str) -> None:
    assert drifted.harness("reject", "a/one", "--reason", "::set-output name=x::1").code == 0
    path = sidecar(drifted)
    content = json.loads(path.read_text())
    content["rejections"][0]["by"]["name"] = name
    path.write_text(json.dumps(content))
    ran = drifted.harness("verify")
    assert "\x1b" not in ran.out
    assert not any(line.lstrip().startswith("::") for line in ran.out.splitlines())


def test_the_environment_does_not_matter(drifted: Pretend) -> None:
    """A cause has no versions: the same failure after an upgrade is the same failure."""
    assert drifted.harness("reject", "a/one", "--reason", WHY).code == 0
    drifted.here = replace(environment(torch="2.14.0"))
    assert drifted.harness("verify").code == 1
    assert told(drifted) == WHY
