from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.core.capture import Acceptance, CaptureDocument
from harness.errors import NotAGolden
from harness.golden.header import read_document
from harness.golden.usable import check_golden, unfit
from tests.golden.builders import write_capture

ACCEPTANCE = Acceptance("record", "2026-01-01T00:00:00+00:00", 2, "0.1.0")
GOLDEN = Path("goldens/ddim/two/cpu-x86_64.safetensors")


@pytest.fixture
def document(tmp_path: Path) -> CaptureDocument:
    path = write_capture(tmp_path / "a.safetensors", {"images": np.ones(2)}, accepted=ACCEPTANCE)
    return read_document(path)


def test_a_golden_in_its_place(document: CaptureDocument) -> None:
    check_golden(GOLDEN, document, "ddim/two", "cpu-x86_64")
    assert unfit(document, "ddim/two") == ()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"perturbed": 0}, "it holds a run that was perturbed on purpose"),
        ({"forced": True}, "it holds a forced replay"),
        ({"case": "sd"}, "it holds the case sd, not ddim/two"),
        ({"digest": "0" * 64}, "its digest is not that of the definition it holds"),
        ({"definition": {"seed": float("nan")}}, "its digest is not that of the definition it holds"),
    ],
)
def test_a_capture_that_cannot_be_a_golden(
    document: CaptureDocument, changes: dict[str, object], told: str
) -> None:
    changed = replace(document, **changes)  # type: ignore[arg-type]
    assert unfit(changed, "ddim/two") == (told,)
    with pytest.raises(NotAGolden) as caught:
        check_golden(GOLDEN, changed, "ddim/two", "cpu-x86_64")
    assert caught.value.what == f"{GOLDEN}: is not a golden of this case: {told}"
    assert caught.value.remedy == "restore the file from version control or a backup, or remove it"


@pytest.mark.parametrize(
    ("accepted", "platform", "told"),
    [
        (None, "cpu-x86_64", "neither `harness record` nor `harness accept` made it one"),
        (replace(ACCEPTANCE, how="hand"), "cpu-x86_64", "accepted in an unknown way"),
        (replace(ACCEPTANCE, runs=0), "cpu-x86_64", "accepted in an unknown way"),
        (ACCEPTANCE, "cpu-aarch64", "it was recorded on cpu-x86_64, but its name says cpu-aarch64"),
    ],
)
def test_a_capture_that_could_be_a_golden_but_is_not(
    document: CaptureDocument, accepted: Acceptance | None, platform: str, told: str
) -> None:
    changed = replace(document, accepted=accepted)
    assert unfit(changed, "ddim/two") == ()
    with pytest.raises(NotAGolden, match=told):
        check_golden(GOLDEN, changed, "ddim/two", platform)
