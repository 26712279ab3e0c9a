from __future__ import annotations

from dataclasses import replace

from harness.core.results.reasons import said
from harness.core.results.verdict import Report
from harness.report.formats.markdown import markdown
from tests.report.samples import DRIFTED, ENVIRONMENT, IDENTICAL, NO_GOLDEN, SKIPPED, STALE, WITHIN
from tests.report.screens import screen


def test_the_whole_summary() -> None:
    stale = replace(STALE, warnings=("floating revision `main`",))
    assert markdown(Report(ENVIRONMENT, (IDENTICAL, WITHIN, stale, SKIPPED))) == screen(
        r"""
        ## harness verify

        **1 identical, 1 within, 1 stale, 1 skipped: 1 of 4 cases failed (exit code 1)**

        cpu-x86\_64, torch 2.13.0+cpu, diffusers 0.42.1

        | case | platform | relation | verdict | worst metric | seconds |
        | --- | --- | --- | --- | --- | ---: |
        | `ddpm-digits/ddim@seed=0` | cpu-x86\_64 | same | identical |  | 1.2 |
        | `ddpm-digits/ddim@seed=1` | cpu-x86\_64 | same-hardware | within | rel\_l2 3.1e-06 \<= 1.0e-05 | 1.2 |
        | `sd/stale` | cpu-x86\_64 | same | **stale** |  | 1.2 |
        | `hub/cifar10` | - | - | **skipped** |  | 0.0 |

        ### stale: `sd/stale`

        ```text
        stale  sd/stale  (cpu-x86_64, same)
          steps: 50 in the golden, now 20
          next: if the new definition is meant:
            harness record --update sd/stale
        ```

        - skipped `hub/cifar10`: google/ddpm-cifar10-32: the hub cannot be reached, and no copy lies in the cache """
        """of this machine

        - warning: floating revision \\`main\\` (in sd/stale)
    """
    )


def test_text_of_others_cannot_break_the_table_or_the_fence() -> None:
    nasty = "a | b ``` <script> *x* [y](z)\n# title ~~~~ $m$ & \\"
    case = replace(STALE, case="sd/a|b`c", platform="x|y", reasons=said(nasty), next_steps=())
    text = markdown(Report(None, (case, replace(SKIPPED, reasons=said(nasty)))))
    assert "| ``\u0020sd/a\\|b`c `` | x\\|y | same | **stale** |  | 1.2 |" in text
    assert "\n````text\nstale  sd/a|b`c  (x|y, same)\n  a | b ``` <script> *x* [y](z)\n  # title" in text
    escaped = "a \\| b \\`\\`\\` \\<script\\> \\*x\\* \\[y\\](z) # title \\~\\~\\~\\~ \\$m\\$ \\& \\\\"
    assert f"- skipped `hub/cifar10`: {escaped}\n" in text


def test_options_and_an_empty_report() -> None:
    assert "### no-golden" in markdown(Report(None, (NO_GOLDEN,)))
    lenient = markdown(Report(None, (NO_GOLDEN,)), allow_missing=True)
    assert "###" not in lenient
    assert "- no-golden `sd/new`: no golden on any platform\n" in lenient
    assert markdown(Report(None, ())) == "## harness verify\n\n**no cases (exit code 0)**\n"


def test_a_failure_says_where_it_began() -> None:
    assert DRIFTED.first_divergence is not None
    assert DRIFTED.first_divergence.sentence in markdown(Report(None, (DRIFTED,)))


def test_goldens_of_other_cpus_are_reported_with_their_cases() -> None:
    words = "recorded on AMD EPYC 9654, run on Intel Xeon: portable, so judged bit for bit"
    text = markdown(Report(None, (replace(IDENTICAL, portability=words),)))

    assert f"\n- {words} (in {IDENTICAL.case})\n" in text.replace("\\", "")
