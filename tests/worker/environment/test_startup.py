"""Whatever an import raises, the parent is told which package, which version and why."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.core.messages import CannotStart
from harness.worker.environment.startup import (
    Unusable,
    bring_in,
    failed_sites,
    in_words,
    obstacle,
    root_of,
    version_of,
)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages that can be imported."""
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("startup_of_a_test")]:
        del sys.modules[name]


def package(site: Path, name: str, **files: str) -> str:
    folder = site / f"startup_of_a_test_{name}"
    folder.mkdir()
    for file, text in files.items():
        (folder / f"{file}.py").write_text(text)
    return folder.name


def told(name: str) -> CannotStart:
    with pytest.raises(Unusable) as caught:
        bring_in(name)
    return obstacle(caught.value)


def test_a_package_that_is_as_it_should_be_is_brought_in() -> None:
    bring_in("json")


def test_a_module_that_is_not_installed_is_named(site: Path) -> None:
    name = package(site, "a", __init__='__version__ = "0.36.0"\nimport no_such_module.part\n')
    assert told(name) == CannotStart(name, "0.36.0", "No module named 'no_such_module'", "no_such_module")


def test_a_package_that_is_not_installed_is_the_one_that_is_missing() -> None:
    assert told("no_such_package") == CannotStart(
        "no_such_package", "", "No module named 'no_such_package'", "no_such_package"
    )


def test_the_package_in_which_it_came_up_is_named_beside_the_one_that_was_wanted(site: Path) -> None:
    inner = package(site, "inner", __init__="import no_such_module", version='__version__ = "2.1"')
    outer = package(site, "outer", __init__=f'__version__: str = "1"\nimport {inner}')
    message = f"No module named 'no_such_module' (imported by {inner} 2.1)"
    assert told(outer) == CannotStart(outer, "1", message, "no_such_module")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("raise ImportError('a sentence. Of two lines.\\nTry: this')", "a sentence. Of two lines."),
        ("raise OSError('libx.so: cannot open')", "OSError: libx.so: cannot open"),
        ("raise SystemExit(1)", "SystemExit: 1"),
        ("raise RuntimeError", "RuntimeError"),
        ("try: 1 / 0\nexcept Exception as e: raise RuntimeError('see') from e", "ZeroDivisionError: division by"),
        ("raise ValueError('x' * 1000)", f"ValueError: {'x' * 299}…"),
        ("from json import no_such_name", "cannot import name 'no_such_name' from 'json'"),
    ],
)  # fmt: skip
def test_what_was_raised_first_is_told_on_one_line(site: Path, source: str, message: str) -> None:
    found = told(package(site, "b", __init__=source))
    assert found.message.startswith(message)
    assert "\n" not in found.message
    assert found.missing == ""


def test_the_version_is_that_of_the_files_that_are_imported(site: Path) -> None:
    (site / "ruff").mkdir()
    (site / "ruff" / "__init__.py").write_text("__version__ = '0.0.1.dev0'\n")
    assert version_of("ruff") == "0.0.1.dev0"
    assert version_of(package(site, "c", __init__="")) == ""
    assert version_of("no_such_package") == ""


def test_an_error_of_the_harness_own_lines_names_the_package_it_speaks_of() -> None:
    def raised(source: str) -> CannotStart:
        with pytest.raises(Exception) as caught:  # noqa: PT011 - it is judged below
            exec(source, {"__name__": "harness.worker.serving.serve"})
        # Without the frames of this test.
        trace = caught.value.__traceback__
        while trace is not None and trace.tb_frame.f_globals["__name__"] != "harness.worker.serving.serve":
            trace = trace.tb_next
        return obstacle(caught.value.with_traceback(trace))

    assert raised("import json\njson.no_such_name").package == "json"
    assert raised("from json import no_such_name").package == "json"
    assert raised("raise ValueError('x')") == CannotStart("", "", "ValueError: x")


def test_a_site_that_raised_is_told(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (site / "sitecustomize.py").write_text("raise RuntimeError")
    monkeypatch.setitem(sys.modules, "sitecustomize", sys)
    assert failed_sites() == ()
    monkeypatch.delitem(sys.modules, "sitecustomize")
    (told,) = failed_sites()
    assert told.startswith(
        "sitecustomize raised an error when Python started, so its settings are not in effect"
    )


def test_the_root_of_an_error() -> None:
    root = KeyError("a")
    wrapped = RuntimeError("b")
    wrapped.__cause__ = root
    assert root_of(wrapped) is root
    assert in_words(root) == "KeyError: 'a'"
