"""The file of rejections beside a golden's place."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.core.history import Entry, Person, Rejection
from harness.errors import StoreError
from harness.golden.memory.rejections import REJECTIONS, drop_ended, read_rejections, write_rejections
from tests.golden.builders import ACCEPTED, write_capture

ANN = Person("Ann", "ann@example.org")
ONE = Rejection("c" * 16, ANN, "2026-01-02T00:00:00+00:00", "the colours are wrong", "drifted")
TWO = replace(ONE, cause="d" * 16, outputs="0" * 64, verdict="no-golden")


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    """The place of a golden that does not exist."""
    return tmp_path / "goldens" / "a" / "cpu-x86_64.safetensors"


def test_they_need_no_golden_and_come_back_as_written(golden: Path) -> None:
    assert read_rejections(golden) == ()
    path = write_rejections(golden, "a", "cpu-x86_64", (ONE, TWO))
    assert path.name == "cpu-x86_64.rejected.json"
    assert read_rejections(golden) == (ONE, TWO)
    told = json.loads(path.read_text())
    assert (told["schema"], told["case"], told["platform"]) == (1, "a", "cpu-x86_64")
    assert told["rejections"][0]["reason"] == "the colours are wrong"


def test_without_any_there_is_no_file(golden: Path) -> None:
    path = write_rejections(golden, "a", "cpu-x86_64", (ONE,))
    write_rejections(golden, "a", "cpu-x86_64", ())
    assert not path.exists()
    write_rejections(golden, "a", "cpu-x86_64", ())
    drop_ended(golden, "a", "cpu-x86_64")
    assert not path.exists()


def test_one_that_the_history_holds_has_ended(golden: Path) -> None:
    write_rejections(golden, "a", "cpu-x86_64", (ONE, TWO))
    entry = Entry("accept", ONE.at, ANN, "it is right after all", "0" * 64, rejections=(ONE,))
    write_capture(golden, {"images": np.ones(2)}, accepted=ACCEPTED, history=(entry,))
    assert read_rejections(golden) == (TWO,)
    drop_ended(golden, "a", "cpu-x86_64")
    assert [one["cause"] for one in json.loads(REJECTIONS.path(golden).read_text())["rejections"]] == [
        TWO.cause
    ]
    write_rejections(golden, "a", "cpu-x86_64", (ONE, TWO))
    golden.write_bytes(b"damaged")
    assert read_rejections(golden) == (ONE, TWO)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "is no file of rejections"),
        ('{"schema": 1}', "is no file of rejections"),
        ("<<<<<<< ours\n=======\n>>>>>>> theirs\n", "merge conflict"),
        (
            '{"schema": 9, "case": "a", "platform": "p", "rejections": []}',
            "has schema 9, this harness reads 1; upgrade the harness",
        ),
    ],
)
def test_a_file_that_is_none(golden: Path, content: str, complaint: str) -> None:
    path = REJECTIONS.path(golden)
    path.parent.mkdir(parents=True)
    path.write_text(content)
    with pytest.raises(StoreError, match=complaint) as caught:
        read_rejections(golden)
    assert str(path) in str(caught.value)


def test_a_folder_that_cannot_be_written(golden: Path) -> None:
    golden.parents[1].parent.mkdir(exist_ok=True)
    golden.parents[1].write_bytes(b"a file")
    with pytest.raises(StoreError, match=r"rejected\.json: cannot be written"):
        write_rejections(golden, "a", "cpu-x86_64", (ONE,))
