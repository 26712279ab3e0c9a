from __future__ import annotations

import re
from dataclasses import replace

import pytest

from harness.core.results.reasons import said
from harness.core.results.verdict import CaseResult, RanIn, Report, Verdict
from harness.report.formats.markdown import LIMIT, markdown
from tests.report.samples import (
    DRIFTED,
    ENVIRONMENT,
    ERROR,
    FULL,
    IDENTICAL,
    NO_GOLDEN,
    SKIPPED,
    STALE,
    WITHIN,
)
from tests.report.screens import screen


def test_the_whole_summary() -> None:
    stale = replace(STALE, warnings=("floating revision `main`",))
    other = replace(stale, case="sd/other", next_steps=())
    assert markdown(Report(ENVIRONMENT, (IDENTICAL, WITHIN, stale, SKIPPED, other))) == screen(
        r"""
        ## harness verify

        **1 identical, 1 within, 2 stale, 1 skipped: 2 of 5 cases failed (exit code 1)**

        cpu-x86\_64, torch 2.13.0+cpu, diffusers 0.42.1

        ### 2 cases: 2 stale: steps: 50 in the golden, now 20

        next: if the new definition is meant: `harness record --update sd/stale`

        | case | platform | relation | verdict | worst metric | seconds |
        | --- | --- | --- | --- | --- | ---: |
        | `sd/stale` | cpu-x86\_64 | same | **stale** |  | 1.2 |
        | `sd/other` | cpu-x86\_64 | same | **stale** |  | 1.2 |

        ```text
        stale  sd/stale  (cpu-x86_64, same)
          steps: 50 in the golden, now 20
          next: if the new definition is meant:
            harness record --update sd/stale
        ```

        <details><summary><code>sd/other</code></summary>

        ```text
        stale  sd/other  (cpu-x86_64, same)
          steps: 50 in the golden, now 20
        ```

        </details>

        - skipped `hub/cifar10`: google/ddpm-cifar10-32: the hub cannot be reached, and no copy lies in the cache """
        """of this machine

        - warning: floating revision \\`main\\` (in sd/stale, sd/other)

        | case | platform | relation | verdict | worst metric | seconds |
        | --- | --- | --- | --- | --- | ---: |
        | `ddpm-digits/ddim@seed=0` | cpu-x86\\_64 | same | identical |  | 1.2 |
        | `ddpm-digits/ddim@seed=1` | cpu-x86\\_64 | same-hardware | within | rel\\_l2 3.1e-06 \\<= 1.0e-05 | 1.2 |
        | `hub/cifar10` | - | - | **skipped** |  | 0.0 |
    """
    )


def test_text_of_others_cannot_break_the_table_or_the_fence() -> None:
    nasty = "a | b ``` <script> *x* [y](z)\n# title ~~~~ $m$ & \\"
    case = replace(STALE, case="sd/a|b`c", platform="x|y", reasons=said(nasty), next_steps=())
    text = markdown(Report(None, (case, replace(SKIPPED, reasons=said(nasty)))))
    escaped = "a \\| b \\`\\`\\` \\<script\\> \\*x\\* \\[y\\](z) # title \\~\\~\\~\\~ \\$m\\$ \\& \\\\"
    assert f"### 1 case: stale: {escaped}\n" in text
    assert "| ``\u0020sd/a\\|b`c `` | x\\|y | same | **stale** |  | 1.2 |" in text
    assert "\n````text\nstale  sd/a|b`c  (x|y, same)\n  a | b ``` <script> *x* [y](z)\n  # title" in text
    assert f"- skipped `hub/cifar10`: {escaped}\n" in text


def test_an_id_inside_html_is_text() -> None:
    second = replace(STALE, case="</code></summary><b>\n\n# x & @torvalds")
    text = markdown(Report(None, (STALE, second)))
    folded = "&lt;/code&gt;&lt;/summary&gt;&lt;b&gt; # x &amp; @torvalds"
    assert f"<details><summary><code>{folded}</code></summary>\n\n```text\n" in text
    assert text.count("<details>") == text.count("</details>") == 1


def test_options_and_an_empty_report() -> None:
    assert "### 1 case: no-golden" in markdown(Report(None, (NO_GOLDEN,)))
    lenient = markdown(Report(None, (NO_GOLDEN,)), allow_missing=True)
    assert "###" not in lenient
    assert "- no-golden `sd/new`: no golden on any platform\n" in lenient
    assert markdown(Report(None, ())) == "## harness verify\n\n**no cases (exit code 0)**\n"


def test_cases_that_are_skipped_for_one_reason_share_a_line() -> None:
    cases = [replace(SKIPPED, case=name, reasons=said("why")) for name in "abc"]
    assert "\n- skipped `a` and 2 other cases: why\n" in markdown(Report(None, (*cases,)))


def test_a_failure_says_where_it_began() -> None:
    assert DRIFTED.first_divergence is not None
    assert DRIFTED.first_divergence.sentence in markdown(Report(None, (DRIFTED,)))


def test_goldens_of_other_cpus_are_reported_with_their_cases() -> None:
    words = "recorded on AMD EPYC 9654, run on Intel Xeon: portable, so judged bit for bit"
    text = markdown(Report(None, (replace(IDENTICAL, portability=words),)))

    assert f"\n- {words} (in {IDENTICAL.case})\n" in text.replace("\\", "")


def test_each_environment_of_a_merged_report_is_told() -> None:
    gpu = replace(ENVIRONMENT, platform="cuda-sm90")
    environments = (RanIn(ENVIRONMENT, (0,)), RanIn(gpu, (1,)))
    text = markdown(replace(Report(None, (IDENTICAL, WITHIN)), environments=environments))
    versions = "torch 2.13.0+cpu, diffusers 0.42.1"
    assert f"\n\ncpu-x86\\_64, {versions}\n\ncuda-sm90, {versions}\n\n" in text


def errors(count: int, size: int) -> tuple[CaseResult, ...]:
    """Errors of as many causes, each with a log of `size` characters."""
    letters = ["abcdefghij"[int(digit)] for digit in "0123456789"]
    names = ["".join(letters[int(digit)] for digit in str(one)) for one in range(count)]
    return tuple(
        replace(ERROR, case=f"c/{name}", reasons=said(name), log=("七" * (size // 3),)) for name in names
    )


@pytest.mark.parametrize(
    "cases",
    [
        errors(1, 200_000),
        errors(300, 3000),
        errors(5000, 3),
        tuple(replace(IDENTICAL, case=f"a/{one}", warnings=(f"w{one}" * 9,)) for one in range(5000)),
        tuple(replace(STALE, case=f"a/{one}") for one in range(5000)),
        tuple(replace(SKIPPED, case=f"a/{one}", reasons=said(f"{one}" * 99)) for one in range(500)),
        FULL.cases * 100,
    ],
    ids=["one log", "logs", "causes", "warnings", "one cause", "reasons", "everything"],
)
def test_it_never_exceeds_what_a_comment_may_hold_and_says_what_it_left_out(
    cases: tuple[CaseResult, ...],
) -> None:
    text = markdown(Report(ENVIRONMENT, cases))
    assert len(text.encode()) < LIMIT == 60_000
    told = text.splitlines()[-1]
    assert told.startswith("Left out to stay below 60 kB: ")
    assert told.endswith("`report.json` in the output folder has everything, and `harness report` shows it.")
    assert text.count("\n```text\n") * 2 == len(re.findall(r"^```", text, re.MULTILINE))
    assert text.count("<details>") == text.count("</details>")


def test_what_is_left_out_is_counted() -> None:
    text = markdown(Report(None, errors(150, 1500)))
    left = int(re.findall(r"the details of (\d+) cases", text)[0])
    assert 0 < left < 150
    assert text.count("```text") == 150 - left
    assert text.count("### 1 case: error: ") == 150


def test_a_cause_is_kept_before_the_details_of_another_and_passes_go_first() -> None:
    passing = tuple(replace(IDENTICAL, case=f"p/{one}") for one in range(2000))
    text = markdown(Report(None, (*passing, *errors(20, 100))))
    assert text.count("### 1 case: error: ") == text.count("```text") == 20
    assert "Left out to stay below 60 kB: the rows of " in text
    assert "the details of" not in text


@pytest.mark.parametrize("size", range(240, 300, 10))
def test_no_part_is_kept_without_the_heading_of_its_cause(size: int) -> None:
    """Where a heading no longer fits, its table would, if it is shorter than those before."""
    cases = tuple(
        replace(
            one, reasons=said(one.case.ljust(size, "x")), log=(), next_steps=(), case=f"{place:a>{width}}"
        )
        for place, one in enumerate(errors(500, 3))
        for width in [300 if place < 250 else 5]
    )
    text = markdown(Report(None, cases))
    headings = text.count("### 1 case: error: ")
    assert 0 < headings < 250
    assert "`aa499`" not in text
    assert "`aa250`" not in text
    assert f"the causes of {500 - headings} cases" in text


def test_verdicts_that_fail_by_request_are_grouped_too() -> None:
    text = markdown(Report(None, (SKIPPED, replace(IDENTICAL, verdict=Verdict.WITHIN))), strict=True)
    assert "### 1 case: skipped: google/ddpm-cifar10-32" in text
