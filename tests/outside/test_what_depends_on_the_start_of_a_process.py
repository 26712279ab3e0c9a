"""The two runs of a recording begin otherwise: what depends on the start of a process is no golden."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.project import Project

OWN = """\
import numpy as np
from diffusers import DDIMPipeline

COLOURS = {"red", "green", "blue", "yellow", "cyan", "magenta", "white", "grey"}


class InOrder(DDIMPipeline):
    def __call__(self, generator=None, num_inference_steps=2, output_type="np"):
        order = ORDER(COLOURS)
        return {"images": np.array([[len(colour), ord(colour[0])] for colour in order], dtype=np.float32)}
"""
CONFIG = """\
pipeline: ./own.py:InOrder
model: {id: "builtin:ddpm-digits"}
steps: 2
trace: none
"""


@pytest.mark.parametrize(("order", "state"), [("list", "nondeterministic"), ("sorted", "recorded")])
def test_the_order_of_a_set_is_seen(tmp_path: Path, order: str, state: str) -> None:
    project = Project(tmp_path)
    (project.config("order", CONFIG).parent / "own.py").write_text(OWN.replace("ORDER", order))
    project.harness("record", "--device", "cpu")
    (found,) = project.report("record.json")["cases"]
    assert found["state"] == state, found
