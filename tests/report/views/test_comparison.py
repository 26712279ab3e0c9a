from __future__ import annotations

from dataclasses import replace

from harness.core.results.reasons import said
from tests.report.samples import DRIFTED_TENSOR, IDENTICAL_TENSOR
from tests.report.screens import screen, shown

TENSORS = (
    replace(IDENTICAL_TENSOR, name="a"),
    replace(DRIFTED_TENSOR, name="b", limits={}, reasons=said("b: not bit for bit equal")),
)


def test_the_whole_screen() -> None:
    assert shown(lambda screen: screen.show_comparison(TENSORS, "x.safetensors", "y.safetensors")) == screen("""
        A  x.safetensors
        B  y.safetensors

        identical  a  float32 1x16x16x3

        drifted  b  float32 1x16x16x3
          b: not bit for bit equal
          would need: max_abs 1.1e-03, rel_l2 3.2e-04
          max_abs 1.0e-03, mean_abs 2.0e-05, rel_l2 3.1e-04, cosine_distance 4.9e-08,
            psnr 66.4, max_ulp 13422, mismatched 0.97

        2 tensors: 1 identical, 1 drifted
    """)


def test_quiet_leaves_what_differs() -> None:
    quiet = shown(lambda screen: screen.show_comparison(TENSORS, "x", "y"), quiet=True)
    assert quiet.startswith("drifted  b")
    assert "identical  a" not in quiet
    assert shown(lambda screen: screen.show_comparison((), "x", "y"), quiet=True) == "0 tensors\n"
