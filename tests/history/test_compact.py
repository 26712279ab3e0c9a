from __future__ import annotations

from dataclasses import replace

import pytest

from harness.core.nights.night import Judgement, Measured
from harness.core.results.verdict import Verdict
from harness.history.compact import packed, unpacked
from tests.history.nights import drifted, identical, lost

FULL = Judgement(
    Verdict.DRIFTED, "g", "o", "t", "c", "k", "values at unet", "2026-03-04",
    (Measured("images", "rel_l2", 1e-3, 1e-4), Measured("images", "psnr", None, 40.0), Measured("b", "m", 3.0, None)),
)  # fmt: skip


@pytest.mark.parametrize("judgement", [FULL, identical(), drifted(), lost(), Judgement(Verdict.SKIPPED)])
def test_a_judgement_comes_back(judgement: Judgement) -> None:
    assert unpacked(packed(judgement)) == judgement


@pytest.mark.parametrize(
    "other",
    [
        replace(FULL, verdict=Verdict.BROKEN),
        replace(FULL, outputs=None),
        replace(FULL, trace="u"),
        replace(FULL, rejected=None),
        replace(FULL, metrics=FULL.metrics[:-1]),
    ],
)
def test_another_judgement_has_another_digest(other: Judgement) -> None:
    assert packed(other).digest != packed(FULL).digest
    assert packed(replace(FULL)).digest == packed(FULL).digest
