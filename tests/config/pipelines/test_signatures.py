"""Arguments read from text: of small packages written here, and of the installed diffusers, compared with Python's."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.config.pipelines.signatures import (
    CALL,
    ClassText,
    NoMethod,
    Signature,
    Unreadable,
    class_in,
    installed_class,
    signature,
)

FILE = '''
from elsewhere import Foreign

class First:
    """Takes some.

    def __call__(self, not_this): not code
    """

    @torch.no_grad()
    @replace_example_docstring(EXAMPLE)
    def __call__(
        self,
        prompt: str | list[str],
        image=None,  # a comment that ends with a colon:
        sizes: dict[str, int] = {"a": 1},
        *,
        needed,
        eta: float = 0.0,
    ) -> tuple["Output", int]:  # noqa
        def __call__(inner): pass

    def plain(self, a, b=1): return a

    @staticmethod
    def static(a, b):
        pass

    @classmethod
    def of(cls, a):
        pass

    async def later(self, a, **kwargs):
        return await self.more(a, **kwargs)

    def asking(self, a, **options):
        b = options.pop("b", None)
        if "c" in options and "d" not in options:
            return options.get("e", options["f"])

    def ignoring(self, a, **kwargs): # other names
        return a

    def looping(self, a, **kwargs):
        return [kwargs[name] for name in self.names]


@decorated
class Second(First, object):
    def __init__(self): pass

class Third(Mixin, Foreign): pass
class Loop(Loop):
    pass
def function(self, x):
    def plain(self, y): pass
class Broken(
'''


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pipes.py"
    path.write_text(FILE)
    return path


def read(file: Path, name: str, method: str = CALL) -> Signature | NoMethod | Unreadable:
    found = class_in(file, name)
    assert found is not None
    return signature(found, method)


def test_a_header_over_many_lines_is_read_completely(file: Path) -> None:
    assert read(file, "First") == Signature(
        ("prompt", "image", "sizes", "needed", "eta"), ("prompt", "needed"), False
    )


def test_static_and_class_methods_and_other_keywords(file: Path) -> None:
    assert read(file, "First", "static") == Signature(("a", "b"), ("a", "b"), False)
    assert read(file, "First", "of") == Signature(("a",), ("a",), False)
    assert read(file, "First", "later") == Signature(("a",), ("a",), True)


def test_other_keywords_that_are_asked_for_by_name_are_names(file: Path) -> None:
    assert read(file, "First", "asking") == Signature(("a", "b", "c", "d", "e", "f"), ("a",), False)
    assert read(file, "First", "ignoring") == Signature(("a",), ("a",), False)
    assert read(file, "First", "looping") == Signature(("a",), ("a",), True)


def test_what_is_inherited_is_found_in_the_base(file: Path) -> None:
    assert read(file, "Second") == read(file, "First")
    assert read(file, "Second", "__init__") == Unreadable(), "a body on the header's own line is not read"


def test_a_missing_method_differs_from_one_that_cannot_be_seen(file: Path) -> None:
    assert read(file, "Second", "invert") == NoMethod(
        ("plain", "static", "of", "later", "asking", "ignoring", "looping")
    )
    assert read(file, "Third", "invert") == Unreadable()
    assert read(file, "Loop", "invert") == NoMethod(())
    assert read(file, "Broken") == Unreadable()


def test_a_class_ends_where_the_next_block_begins(file: Path) -> None:
    assert read(file, "Loop", "plain") == NoMethod(())
    assert class_in(file, "Foreign") is None
    assert class_in(file.with_name("gone.py"), "First") is None


PIPELINES = """
_import_structure = {"deprecated": []}
_import_structure["near"] = ["NearPipeline"]
_import_structure["single"].extend(["SinglePipeline", "WrongPipeline"])
"""


@pytest.fixture
def package(stand_in_for_diffusers: Callable[[str], Path]) -> Path:
    root = stand_in_for_diffusers("").parent
    for name, text in {
        "pipelines/__init__.py": PIPELINES,
        "pipelines/near/pipe.py": "class NearPipeline(Base):\n    def __call__(self, near):\n        pass\n",
        "pipelines/far/pipe.py": "class NearPipeline:\n    pass\nclass WrongPipeline: pass\n",
        "pipelines/single.py": "class SinglePipeline(Base, Mixin):\n    pass\n",
        "pipelines/base.py": "class Base:\n    def __call__(self, base):\n        pass\n",
        "loaders/mixin.py": "class Mixin:\n    def load(self, weights):\n        pass\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def found(name: str) -> ClassText:
    text = installed_class(name)
    assert text is not None
    return text


def test_the_part_of_the_package_that_exports_a_class_comes_first(package: Path) -> None:
    assert found("NearPipeline").file == package / "pipelines/near/pipe.py"
    assert found("SinglePipeline").file == package / "pipelines/single.py"
    assert found("WrongPipeline").file == package / "pipelines/far/pipe.py"
    assert found("Mixin").file == package / "loaders/mixin.py"
    assert installed_class("GonePipeline") is None


def test_bases_are_found_in_other_files(package: Path) -> None:
    assert signature(found("SinglePipeline"), CALL) == Signature(("base",), ("base",), False)
    assert signature(found("SinglePipeline"), "load") == Signature(("weights",), ("weights",), False)
    assert signature(found("NearPipeline"), "load") == NoMethod(())


def test_without_diffusers_nothing_is_found(monkeypatch: pytest.MonkeyPatch, package: Path) -> None:
    from harness.config.pipelines import installed

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    installed.diffusers_folder.cache_clear()
    assert installed_class("NearPipeline") is None


INSTALLED = [
    ("DDIMPipeline", CALL),
    ("StableDiffusionPipeline", CALL),
    ("FluxPriorReduxPipeline", CALL),
    ("UnCLIPPipeline", CALL),
    ("StableDiffusionPipeline", "load_lora_weights"),
    ("StableDiffusionPipeline", "enable_freeu"),
    ("StableDiffusionPipeline", "save_pretrained"),
    ("LEditsPPPipelineStableDiffusion", "invert"),
]


@pytest.mark.parametrize(("name", "method"), INSTALLED)
def test_the_installed_diffusers_takes_what_python_says(name: str, method: str) -> None:
    import diffusers

    parameters = list(inspect.signature(getattr(getattr(diffusers, name), method)).parameters.values())[1:]
    named = [one for one in parameters if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)]
    read = signature(found(name), method)
    assert isinstance(read, Signature)
    assert read.names[: len(named)] == tuple(one.name for one in named)
    assert read.required == tuple(one.name for one in named if one.default is one.empty)
    if not any(one.kind is one.VAR_KEYWORD for one in parameters):
        assert (len(read.names), read.takes_any) == (len(named), False)


def test_other_keywords_of_the_installed_diffusers() -> None:
    stable = signature(found("StableDiffusionPipeline"), CALL)
    assert isinstance(stable, Signature)
    assert (stable.takes_any, stable.names[-2:]) == (False, ("callback", "callback_steps"))
    handing_on = signature(found("StableDiffusionPipeline"), "load_lora_weights")
    assert isinstance(handing_on, Signature)
    assert handing_on.takes_any


def test_almost_every_exported_pipeline_can_be_read() -> None:
    from harness.config.pipelines.classes import pipeline_names

    names = pipeline_names()
    readable = [name for name in names if isinstance(signature(found(name), CALL), Signature)]
    chosen_when_loaded = [name for name in names if name.startswith("AutoPipelineFor")]
    assert len(names) > 100
    assert set(names) - set(readable) <= {
        *chosen_when_loaded,
        "DiffusionPipeline",
        "VersatileDiffusionPipeline",
    }


def test_neither_diffusers_nor_torch_is_imported() -> None:
    code = (
        "import sys; from harness.config.pipelines import signatures as s;"
        "assert s.signature(s.installed_class('DDIMPipeline'), '__call__').names;"
        "sys.exit(any(name in sys.modules for name in ('diffusers', 'torch', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
