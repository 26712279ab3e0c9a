"""FreeU in one case leaves the next one as it is, from the command line."""

from __future__ import annotations

from pathlib import Path

from tests.support.project import Project

PLAIN = """\
pipeline: StableDiffusionPipeline
model: {id: "builtin:sd-digits"}
scheduler: {class: DDIMScheduler}
steps: 3
call: {prompt: a handwritten seven, output_type: latent}
"""

FREEU = f"""\
{PLAIN}before:
  - {{method: enable_freeu, call: {{s1: 0.9, s2: 0.2, b1: 1.2, b2: 1.4}}}}
"""


def test_plain_is_identical_after_freeu_in_one_worker(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.config("freeu", FREEU)
    project.config("plain", PLAIN)
    ran = project.harness("record", "--device", "cpu", "--jobs", "2")
    assert ran.code == 0, ran.out + ran.err
    ran = project.harness("verify", "--device", "cpu", "--jobs", "1")
    assert ran.code == 0, ran.out + ran.err
    assert project.verdicts() == {"freeu": "identical", "plain": "identical"}
