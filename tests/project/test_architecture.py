"""The picture in docs/architecture.md shows the layers that import-linter holds."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

Layers = list[tuple[str, ...]]


def contract_layers(repo_root: Path) -> Layers:
    settings = tomllib.loads((repo_root / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["id"] == "layers")
    return [tuple(name.strip() for name in layer.split("|")) for layer in layers]


def pictured_layers(page: str) -> Layers:
    picture = re.search(r"<!-- layers:.*?-->\n```text\n(.*?)```", page, re.DOTALL)
    assert picture, "docs/architecture.md has no picture after its <!-- layers: --> comment"
    lines = [line.replace("|", " ").split() for line in picture[1].splitlines()]
    return [tuple(line) for line in lines if line]


def test_picture_is_the_contract(repo_root: Path) -> None:
    page = (repo_root / "docs/architecture.md").read_text(encoding="utf-8")
    assert pictured_layers(page) == contract_layers(repo_root)


def test_reads_a_picture() -> None:
    page = "text\n<!-- layers: x -->\n```text\n   a\n   |\n b   (c)\n   |\n   d\n```\n"
    assert pictured_layers(page) == [("a",), ("b", "(c)"), ("d",)]


def test_every_layer_has_its_paragraph(repo_root: Path) -> None:
    page = (repo_root / "docs/architecture.md").read_text(encoding="utf-8")
    described = set(
        re.findall(r"`([a-z_]+)(?:\.py|/)`", "".join(re.findall(r"^\*\*.*?\*\*", page, re.MULTILINE)))
    )
    named = {name.strip("()") for layer in contract_layers(repo_root) for name in layer}
    assert described == named


def test_planned_layers_are_in_brackets_only_until_they_exist(repo_root: Path) -> None:
    planned = [name for layer in contract_layers(repo_root) for name in layer if name.startswith("(")]
    existing = [name for name in planned if (repo_root / "harness" / name.strip("()")).exists()]
    assert existing == [], f"{existing}: exists now; take the brackets off in pyproject.toml and the picture"
