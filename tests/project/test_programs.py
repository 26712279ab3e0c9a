"""What benchmarks, scripts and pages import of the harness is there, also in the programs that they start."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLACES = ("benchmarks", "docs", "scripts")

_IMPORT = re.compile(r"^\s*from (harness[\w.]*) import (?:\(([^)]*)\)|(.+))$", re.MULTILINE)


def imports(text: str) -> Iterator[tuple[str, str]]:
    """Each `from MODULE import NAME` in the text, also within strings."""
    for module, several, one in _IMPORT.findall(text):
        for name in (several or one).split(","):
            if plain := name.partition("#")[0].split(" as ")[0].strip():
                yield module, plain


def resolves(module: str, name: str) -> bool:
    """Whether `name` is a module of the package `module`, or something that its text defines or imports."""
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return False
    here = Path(spec.origin).parent
    if spec.submodule_search_locations and any((here / one).exists() for one in (name, f"{name}.py")):
        return True
    return name in set(_names(ast.parse(Path(spec.origin).read_text())))


def _names(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Assign(targets=targets):
                yield from (target.id for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.ImportFrom(names=names) | ast.Import(names=names):
                yield from (one.asname or one.name for one in names)


@pytest.mark.parametrize(
    "path",
    sorted(path for place in PLACES for path in (ROOT / place).glob("*.py")),
    ids=lambda path: path.name,
)
def test_every_import_of_the_harness_resolves(path: Path) -> None:
    gone = [f"{module}.{name}" for module, name in imports(path.read_text()) if not resolves(module, name)]
    assert gone == []


def test_a_name_that_is_gone_is_found_within_a_program() -> None:
    imported = (
        "from harness.worker import determinism, nowhere\nfrom harness.files import (\n    replacing,\n)\n"
    )
    program = f'PROGRAM = """\n{imported}"""\n'
    found = {f"{module}.{name}": resolves(module, name) for module, name in imports(program)}
    assert found == {
        "harness.worker.determinism": False,
        "harness.worker.nowhere": False,
        "harness.files.replacing": True,
    }
