from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

import harness.report.page.page as module
from harness.core.history import Person, Rejection
from harness.core.results.candidate import Tried
from harness.core.results.groups import groups_of
from harness.core.results.next_step import NextStep, harness_step
from harness.core.results.reasons import Message
from harness.core.results.verdict import (
    Boundary,
    CaseResult,
    Divergence,
    ExactFinding,
    FileDigest,
    InvariantResult,
    Report,
    Verdict,
)
from harness.report.page.page import Commands, gist, index_html, page_html, shown_width
from harness.report.page.review import Review, ReviewedCase, key_of
from harness.report.page.shown import Picture
from tests.report.samples import ENVIRONMENT

ATTACK = '</script><script>alert(1)</script><img src=x onerror="alert(2)">'
CAPTURE = FileDigest("out/captures/a/capture.safetensors", "0" * 64)


def result(case: str = "a", verdict: Verdict = Verdict.DRIFTED, **more: object) -> CaseResult:
    found = CaseResult(case, verdict, "cpu-x86_64", None, None, (Message("because"),), 1.0, capture=CAPTURE)
    return replace(found, **more)  # type: ignore[arg-type]


def page(*results: CaseResult, out: str = "", **report: object) -> str:
    failed = [one for one in results if one.verdict is not Verdict.IDENTICAL]
    told = Report(ENVIRONMENT, results, **report)  # type: ignore[arg-type]
    return page_html(Review(told, groups_of(failed), {key_of(one): ReviewedCase(one) for one in failed}, out))


class Elements(HTMLParser):
    """The start tags of a page with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found = list[tuple[str, dict[str, str | None]]]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_policy_allows_only_the_page_s_own_style_and_script() -> None:
    text = page(result())
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    for kind in ("style", "script"):
        (content,) = re.findall(rf"<{kind}>(.*?)</{kind}>", text, re.DOTALL)
        digest = b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src &#39;sha256-{digest}&#39;" in policy
    assert policy.startswith("default-src &#39;none&#39;; img-src data:; media-src data:;")


def test_nothing_is_loaded_and_no_attribute_runs() -> None:
    for tag, attributes in Elements(page(result(), result("b", Verdict.IDENTICAL))).found:
        assert tag not in ("iframe", "object", "embed", "base")
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        for name in ("src", "srcset", "href", "poster", "action"):
            assert (attributes.get(name) or "#").startswith(("#", "data:", "report-pictures/")), (
                tag,
                attributes,
            )


@pytest.mark.parametrize(
    "hostile",
    [
        result(ATTACK),
        result(reasons=(Message(ATTACK),)),
        result(log=(ATTACK,)),
        result(warnings=(ATTACK,)),
        result(tags=(ATTACK,), pipeline=ATTACK, platform=ATTACK),
        result(ATTACK, Verdict.IDENTICAL, tags=(ATTACK,)),
        result(next_steps=(harness_step(ATTACK, ATTACK),)),
    ],
)
def test_text_from_elsewhere_stays_text(hostile: CaseResult) -> None:
    plain = [tag for tag, _ in Elements(page(result(tags=("t",), log=("l",), warnings=("w",)))).found]
    found = [tag for tag, _ in Elements(page(hostile)).found]
    assert found.count("script") == 1
    assert found.count("img") == plain.count("img") == 0


def test_marks_that_reorder_text_become_visible() -> None:
    assert "\\u202e" in page(result(reasons=(Message("a\u202eb"),)))


def test_failing_boundaries_come_first_and_the_others_are_folded() -> None:
    found = (
        Boundary("unet.forward", 0, 0.0, 1e-6, Verdict.IDENTICAL),
        Boundary("scheduler.step", 3, 0.05, 1e-6, Verdict.DRIFTED),
    )
    text = page(result(boundaries=found))
    assert "Forced replay: 1 of 2 boundaries beyond the limit" in text
    assert text.index("scheduler.step[3]") < text.index("1 inside the limit") < text.index("unet.forward[0]")


def test_findings_that_fail_come_first() -> None:
    found = (
        ExactFinding("noted.entry", "1", None, fails=False),
        ExactFinding("failing.entry", None, "2", fails=True),
    )
    text = page(result(exact_findings=found))
    assert text.index("failing.entry") < text.index("noted.entry")


def test_invariants_and_divergence() -> None:
    invariant = InvariantResult("batch", Verdict.DRIFTED, (Message("it differs"),))
    began = Divergence("denoiser", "unet", "unet.forward", 2, "mid_block", 0.1, "it began there")
    text = page(result(invariants=(invariant,), first_divergence=began))
    assert "batch: it differs" in text
    assert "(stage denoiser, unet.forward[2], module mid_block)" in text


def test_what_did_not_finish_says_so() -> None:
    text = page(result(), finished=False, not_run=("b", "c"))
    assert "2 cases were not run to the end; 1 of 1 case failed" in text
    assert "Not run: b, c." in text
    assert 'data-do="yes"' not in text


def test_a_candidate_is_named_and_accepted_by_nobody() -> None:
    tried = Tried(("diffusers==0.43.0",), problem="cannot be imported")
    text = page(result(), command="verify --with", candidate=tried)
    assert "Judged under other versions: diffusers==0.43.0. cannot be imported" in text
    assert 'data-do="yes"' not in text


def test_nothing_failed() -> None:
    text = page(result(verdict=Verdict.IDENTICAL))
    assert "Nothing failed" in text
    assert "1 case: all pass" in text


def test_a_rejection_stands_beside_the_failure() -> None:
    by = Person("Ann", "ann@example.org")
    rejected = Rejection("cause", by, "2026-11-30T12:00:00+00:00", "the sky is green", "drifted")
    text = page(result(rejected=rejected))
    assert "rejected on 2026-11-30 because the sky is green (Ann)" in text


def test_steps_of_a_failure() -> None:
    assert [step.argv for step in Commands("").of(result())] == [
        ("harness", "verify", "a"),
        ("harness", "explain", "a"),
        ("harness", "blame", "a"),
        ("harness", "accept", "a", "--reason", "..."),
    ]
    advised = harness_step("find it", "explain", "--forced", "a")
    told = result(next_steps=(advised,), capture=None)
    assert [step.argv for step in Commands("").of(told)] == [
        ("harness", "verify", "a"),
        ("harness", "blame", "a"),
        ("harness", "explain", "--forced", "a"),
    ]
    assert Commands("").first(told) == advised
    assert Commands("").first(result()).argv == ("harness", "verify", "a")


def test_other_versions_and_unfinished_runs_have_fewer_steps() -> None:
    advised = harness_step("", "blame", "a", "--bad", "torch==3")
    assert Commands("", here=False, acceptable=False).of(result(next_steps=(advised,))) == [advised]
    assert Commands("", here=False, acceptable=False).first(result()) == NextStep()
    assert "accept" not in {step.argv[1] for step in Commands("", acceptable=False).of(result())}


def test_another_output_folder_is_named() -> None:
    assert Commands("ci out").of(result())[-1].argv[:4] == ("harness", "accept", "--out", "ci out")


def test_all_cases_of_a_cause_are_accepted_at_once() -> None:
    results = [result(), result("b"), result("b", platform="cuda-sm90"), result("c", capture=None)]
    assert Commands("").accept_all(results).argv == ("harness", "accept", "a", "b", "--reason", "...")
    assert Commands("").accept_all([result(capture=None)]) == NextStep()


def test_platforms_are_named_if_there_are_several() -> None:
    one, two = page(result()), page(result(), result(platform="cuda-sm90"))
    row = '<span class="id">a</span> <span class="dim">'
    assert row not in one
    assert f"{row}cpu-x86_64</span>" in two
    assert f"{row}cuda-sm90</span>" in two


def test_gist() -> None:
    assert gist(result()) == "because"


def test_small_pictures_are_enlarged_by_a_whole_number() -> None:
    assert shown_width(Picture(b"", "", 32, 16)) == 384
    assert shown_width(Picture(b"", "", 320, 200)) == 320
    assert shown_width(Picture(b"", "", 480, 224)) == 480


def test_script_and_style_are_small() -> None:
    folder = Path(module.__file__).parent
    assert (folder / "script.js").stat().st_size < 30_000
    assert (folder / "style.css").stat().st_size < 30_000


def test_several_candidates_are_listed() -> None:
    reports = [
        Report(ENVIRONMENT, (result(),), command="verify --with", candidate=Tried((name,)))
        for name in ("diffusers==0.42.0", ATTACK)
    ]
    text = index_html([(report, f"candidates/{n}/report.html") for n, report in enumerate(reports, 1)])
    links = [attributes["href"] for tag, attributes in Elements(text).found if tag == "a"]
    assert links == ["candidates/1/report.html", "candidates/2/report.html"]
    assert "diffusers==0.42.0" in text
    assert "<script>alert" not in text
