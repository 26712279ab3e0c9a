"""Which errors name a package that is not installed, and which are regressions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from diffusers import utils
from diffusers.utils import import_utils

from harness.worker.environment.packages import missing_name, missing_package
from tests.worker import fakes


def raised(call: Any) -> BaseException:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever it is, it is judged below
        call()
    return caught.value


def test_a_module_that_nobody_has() -> None:
    assert missing_package(raised(fakes.NeedsAbsentModule.from_pretrained)) == "no_such_package_anywhere"


def test_a_backend_that_diffusers_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    _there, message = import_utils.BACKENDS_MAPPING["inflect"]
    monkeypatch.setitem(import_utils.BACKENDS_MAPPING, "inflect", (lambda: False, message))
    assert missing_package(raised(fakes.NeedsAbsentBackend.from_pretrained)) == "inflect"


def test_also_behind_the_error_of_a_lazy_import() -> None:
    def lazy() -> None:
        try:
            fakes.NeedsAbsentModule.from_pretrained()
        except ImportError as error:
            raise RuntimeError("Failed to import diffusers.LazilyImported") from error

    assert missing_package(raised(lazy)) == "no_such_package_anywhere"


@pytest.mark.parametrize("fake", [fakes.NeedsAbsentName, fakes.NeedsAbsentSubmodule])
def test_an_installed_package_that_lacks_a_name_is_a_regression(fake: Any) -> None:
    assert missing_package(raised(fake.from_pretrained)) is None


GUARDED = """\
from diffusers.utils import is_ftfy_available

if is_ftfy_available():
    import ftfy_of_a_test

def clean(text):
    return ftfy_of_a_test.fix_text(text)

def misspelt(text):
    return txet
"""


def test_a_name_that_is_defined_only_with_a_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(utils, "is_ftfy_available", lambda: False)
    path = tmp_path / "pipeline_guarded.py"
    path.write_text(GUARDED)
    names: dict[str, Any] = {}
    exec(compile(GUARDED, str(path), "exec"), names)
    assert missing_package(raised(lambda: names["clean"]("x"))) == "ftfy"
    assert missing_package(raised(lambda: names["misspelt"]("x"))) is None


def test_words_that_name_the_package() -> None:
    assert (
        missing_package(ImportError("`cosmos_guardrail` is not installed. Please install it"))
        == "cosmos_guardrail"
    )
    words = "Qwen2VLVideoProcessor requires the Torchvision library but it was not found in your environment."
    assert missing_package(ImportError(words)) == "torchvision"
    assert missing_package(ImportError("cannot import name 'x'")) is None


def test_the_misleading_words_of_transformers() -> None:
    error = AttributeError("type object 'VIDEO_PROCESSOR_MAPPING' has no attribute '_extra_content'")
    assert missing_package(error) == "torchvision"
    assert missing_package(AttributeError("'NoneType' object has no attribute 'to'")) is None


def no_attribute() -> None:
    utils.no_such_attribute  # type: ignore[attr-defined]  # noqa: B018


def undefined() -> None:
    no_such_variable  # type: ignore[name-defined]  # noqa: B018, F821


def behind() -> None:
    try:
        fakes.NeedsAbsentSubmodule.from_pretrained()
    except ImportError as error:
        raise RuntimeError("Failed to import diffusers.LazilyImported") from error


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (no_attribute, "no_such_attribute"),
        (undefined, "no_such_variable"),
        (behind, "torch.no_such_module"),
        (lambda: 1 / 0, ""),
    ],
)
def test_the_name_that_is_missing(call: Any, name: str) -> None:
    assert missing_name(raised(call)) == name


def test_a_name_that_a_module_lacks() -> None:
    found = missing_name(raised(fakes.NeedsAbsentName.from_pretrained))
    assert found == ("no_such_name" if sys.version_info >= (3, 12) else "torch")
