"""The examples in docs/configs.md are configs that the harness accepts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.config.load import check_calls, load_cases
from tests.support.pretend import CONFIG, Pretend, pretend
from tests.support.project import ROOT

__all__ = ["pretend"]

EXAMPLES = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/configs.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_example_is_accepted(example: str, tmp_path: Path) -> None:
    (tmp_path / "my-model").mkdir()
    (tmp_path / "my_pipeline.py").write_text(
        "from diffusers import DDIMPipeline\n\n\nclass MyPipeline(DDIMPipeline):\n    pass\n"
    )
    (tmp_path / "example.yaml").write_text(example)
    loaded = load_cases(tmp_path)
    assert [case.id for case in loaded.cases] == ["example"]
    check_calls(loaded.cases)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 6


def test_every_link_leads_somewhere() -> None:
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_example_in_python_runs(pretend: Pretend, monkeypatch: pytest.MonkeyPatch) -> None:
    [example] = re.findall(r"```python\n(.*?)```", (ROOT / "docs/python.md").read_text(), re.DOTALL)
    pretend.config("ddim/one")
    pretend.config("ddim/long", CONFIG + "tags: [slow]\n")
    monkeypatch.chdir(pretend.folder)
    monkeypatch.setattr("harness.commands.record.weaknesses", lambda *_given: {})
    exec(compile(example, "docs/python.md", "exec"), {})
    assert pretend.of("ddim/one")["verdict"] == "identical"
