"""Which class a case's `pipeline` names."""

from __future__ import annotations

from pathlib import Path

import pytest
from diffusers import DDIMPipeline, DiffusionPipeline

from harness.worker.environment.classes import pipeline_class
from harness.worker.rejection import Rejection
from tests.core.samples import case

COMMUNITY = """\
from diffusers import DDIMPipeline

class Mine(DDIMPipeline):
    pass

class Other:
    pass
"""


def test_a_class_of_diffusers_and_auto() -> None:
    assert pipeline_class(case(pipeline="DDIMPipeline")) is DDIMPipeline
    assert pipeline_class(case(pipeline="auto")) is DiffusionPipeline


def test_a_class_in_a_file_beside_the_config(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(COMMUNITY)
    found = pipeline_class(case(pipeline="./mine.py:Mine", base=str(tmp_path)))
    assert issubclass(found, DDIMPipeline)
    assert found.__name__ == "Mine"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("NoSuchPipeline", "has no such class"),
        ("./mine.py:Other", "has no DiffusionPipeline named Other"),
        ("./mine.py:Absent", "has no DiffusionPipeline named Absent"),
        ("./raises.py:Mine", "the file raised ZeroDivisionError"),
    ],
)
def test_what_is_no_pipeline_is_rejected(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "mine.py").write_text(COMMUNITY)
    (tmp_path / "raises.py").write_text("1 / 0\n")
    with pytest.raises(Rejection, match=words):
        pipeline_class(case(pipeline=name, base=str(tmp_path)))
