"""Read a model_index.json: whether the model may be loaded here, and how diffusers finds its classes."""

from __future__ import annotations

import codecs
import importlib
import importlib.util
import inspect
import json
import re
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import diffusers
import torch
from diffusers import DiffusionPipeline, pipelines
from diffusers.pipelines.pipeline_loading_utils import LOADABLE_CLASSES

from harness.core.text import conflicts, decoded
from harness.worker.rejection import Lacking, Rejection

INDEX = "model_index.json"
MODULAR_INDEX = "modular_model_index.json"

Index = Mapping[str, object]
"""A model_index.json as parsed: `_class_name`, and per component its library and class."""

_MOVED_TO = "diffusers.pipelines.deprecated"


def read(path: Path) -> Index:
    """The model_index.json at `path`; raises ValueError if it is not one."""
    content = path.read_bytes()
    if content.startswith(codecs.BOM_UTF8):
        raise ValueError(
            "it begins with a byte order mark, which diffusers does not read; save it without one"
        )
    text = decoded(content)
    if left := conflicts(text):
        raise ValueError(str(left[0]))
    index = json.loads(text)
    if not isinstance(index, dict) or not index.get("_class_name"):
        raise ValueError("it names no pipeline class (`_class_name`)")
    return index


def components(index: Index) -> Iterator[tuple[str, str, str]]:
    """Name, library and class of every component that is not null."""
    for name, entry in index.items():
        if not name.startswith("_") and isinstance(entry, list) and len(entry) == 2:
            library, class_name = entry
            if isinstance(library, str) and isinstance(class_name, str):
                yield name, library, class_name


def files_in(folder: Path, index: Index) -> frozenset[str]:
    """The files of a model's folder that can matter, by name relative to it, with forward slashes."""
    folders = [folder, *(folder / name for name, _, _ in components(index))]
    files = (path for place in folders if place.is_dir() for path in place.iterdir() if path.is_file())
    return frozenset(path.relative_to(folder).as_posix() for path in files)


def check(
    index: Index, names: Collection[str], model_id: str, pipeline_class: type[DiffusionPipeline]
) -> tuple[str, ...]:
    """Refuse classes that may not be loaded, and make the rest findable; returns `make_findable`'s sentences.

    Raises Rejection.
    """
    refuse_remote_code(index, names, model_id)
    declare_untyped_components(index, pipeline_class_of(index, pipeline_class))
    return make_findable(index)


def pipeline_class_of(index: Index, asked: type[DiffusionPipeline]) -> type[DiffusionPipeline]:
    """The class that `from_pretrained` will create: the requested one, or else the one that `index` names.

    Raises Rejection when diffusers has no class of that name.
    """
    if asked is not DiffusionPipeline:
        return asked
    name = index["_class_name"]
    found = getattr(diffusers, name, None) if isinstance(name, str) else None
    if found is None:
        message = f"{INDEX} names {name!r}, which diffusers {diffusers.__version__} does not have"
        step = "name a class of this version as `pipeline`"
        raise Lacking("pipeline", "auto", message, step, name=str(name))
    return found


def refuse_remote_code(index: Index, names: Collection[str], model_id: str) -> None:
    """Raise Rejection when the model can be loaded only by running Python code that comes with it.

    `names` are the files of the model, relative to its folder, with forward slashes.
    """
    advice = (
        "code from a model's folder is never run; use a model whose classes are in diffusers or transformers"
    )
    own = index["_class_name"]
    if not isinstance(own, str):
        module = f"{own[0]}.py" if isinstance(own, list) and own else "code"
        raise Rejection("model.id", model_id, f"its pipeline class is defined in its own {module}; {advice}")
    for name, library, class_name in components(index):
        if f"{name}/{library}.py" in names:
            raise Rejection(
                "model.id", model_id, f"its {name} is defined in its own {name}/{library}.py; {advice}"
            )
        if not _is_known(library):
            where = f"its {name} is {class_name} of {library!r}, where diffusers does not look for components"
            raise Rejection("model.id", model_id, f"{where}; {advice}")


def _is_known(library: str) -> bool:
    if library in LOADABLE_CLASSES or hasattr(pipelines, library) or _moved(library) is not None:
        return True
    # The module of a pipeline class that the config names by path.
    return library in sys.modules


def alias_moved_modules(model_index: Index) -> tuple[str, ...]:
    """Let `diffusers.pipelines.NAME` be found again for the modules in `model_index` that moved; returns their names.

    Since diffusers 0.38 the modules of old pipelines (unclip, wuerstchen, ...) are in
    `diffusers.pipelines.deprecated`. Checkpoints still use the old names, and `from_pretrained` looks
    them up only as attributes of `diffusers.pipelines`: "No module named 'unclip'".
    """
    moved = []
    for library in sorted({library for _, library, _ in components(model_index)}):
        module = None if library in LOADABLE_CLASSES or hasattr(pipelines, library) else _moved(library)
        if module is not None:
            setattr(pipelines, library, module)
            moved.append(library)
    return tuple(moved)


def _moved(library: str) -> ModuleType | None:
    full_name = f"{_MOVED_TO}.{library}"
    if not library.isidentifier() or importlib.util.find_spec(full_name) is None:
        return None
    return importlib.import_module(full_name)


def make_findable(index: Index) -> tuple[str, ...]:
    """Let `from_pretrained` find every class that `index` names; returns a sentence for each replacement.

    It handles modules that moved, and two mismatches between `save_pretrained` and `from_pretrained`:
    classes inside a pipeline's module are written as ["diffusers", NAME] if that module is under
    `deprecated`, and schedulers of `diffusers.schedulers.deprecated` as ["deprecated", NAME]. Classes
    that transformers renamed are replaced by their successors.
    """
    alias_moved_modules(index)
    return tuple(filter(None, (_find(*component, index) for component in components(index))))


def _find(name: str, library: str, class_name: str, index: Index) -> str:
    """Put the class where `from_pretrained` looks for it; returns a sentence about the replacement, if any."""
    holder = _library(library)
    if holder is None or _has(holder, class_name):
        return ""
    of_transformers = library == "transformers"
    found = _renamed(class_name) if of_transformers else _defined_in_diffusers(class_name, index)
    if found is None:
        return ""
    setattr(holder, class_name, found)
    if library == "diffusers":
        _add_base_of(found)
    if found.__name__ == class_name:
        return ""
    return f"{name}: {library} {holder.__version__} has no {class_name}, {found.__name__} was loaded instead"


def _library(name: str) -> ModuleType | None:
    if hasattr(pipelines, name):
        return getattr(pipelines, name)
    # Looked up by name each time, as diffusers does: transformers may replace its module during other imports.
    return importlib.import_module(name) if name in ("diffusers", "transformers") else None


def _has(holder: ModuleType, name: str) -> bool:
    try:
        return hasattr(holder, name)
    except Exception:
        # It exists, but its import fails: loading will say why.
        return True


def _renamed(class_name: str) -> type | None:
    """The successor of an image processor class: feature extractors were renamed, and backends got their own names."""
    successor = re.sub("FeatureExtractor$", "ImageProcessor", class_name).removesuffix("Pil")
    return getattr(_library("transformers"), successor, None) if successor != class_name else None


def _defined_in_diffusers(class_name: str, index: Index) -> type | None:
    """The class of that name wherever diffusers defines it; the pipeline's own package decides between several."""
    if not class_name.isidentifier():
        return None
    if _has(diffusers, class_name):
        return getattr(diffusers, class_name)
    root = Path(diffusers.__file__).parent
    line = re.compile(rf"^class {class_name}\b", re.MULTILINE)
    files = [path for path in sorted(root.rglob("*.py")) if line.search(path.read_text(encoding="utf-8"))]
    own = [path for path in files if path.parent == _package_of(index)]
    chosen = own or files
    if len(chosen) != 1:
        return None
    module = ".".join(["diffusers", *chosen[0].relative_to(root).with_suffix("").parts])
    return getattr(importlib.import_module(module), class_name, None)


def _package_of(index: Index) -> Path | None:
    found = getattr(diffusers, str(index["_class_name"]), None)
    return Path(inspect.getfile(found)).parent if inspect.isclass(found) else None


def _add_base_of(found: type) -> None:
    # from_pretrained finds out how to load a class from the base classes that its library has by name,
    # and diffusers has none of the base classes of transformers' models.
    for base in LOADABLE_CLASSES["transformers"]:
        parent = getattr(_library("transformers"), base, None)
        if inspect.isclass(parent) and issubclass(found, parent):
            setattr(diffusers, base, parent)


def declare_untyped_components(index: Index, pipeline_class: type[DiffusionPipeline]) -> None:
    """Let `from_pretrained` load the components that `index` names and the class takes as optional `Any`.

    LLaDA2Pipeline of diffusers 0.42 does not declare its optional tokenizer as a component, and gets
    the list ["transformers", NAME] instead of the object. Classes that declare a type are left alone: how
    they handle that list is their own behaviour (LongCatAudioDiTPipeline creates its default scheduler).
    """
    if not issubclass(pipeline_class, DiffusionPipeline):
        return  # the blocks of a modular pipeline declare its components
    parameters = inspect.signature(pipeline_class.__init__).parameters
    optional = {name for name, one in parameters.items() if one.default is None}
    types = pipeline_class._get_signature_types()
    declared = pipeline_class._optional_components
    untyped = [
        name
        for name, _, _ in components(index)
        if name in optional and Any in types.get(name, ()) and name not in declared
    ]
    if untyped:
        pipeline_class._optional_components = [*declared, *untyped]


def nulls_to_pass(index: Index, pipeline_class: type[DiffusionPipeline]) -> Mapping[str, None]:
    """Components that `index` sets to null but the class requires: `from_pretrained` needs them as keywords."""
    parameters = inspect.signature(pipeline_class_of(index, pipeline_class).__init__).parameters
    required = {
        name for name, parameter in parameters.items() if parameter.default is inspect.Parameter.empty
    }
    return {name: None for name, entry in index.items() if name in required and entry in ([None, None], None)}


def is_model(library: str, class_name: str) -> bool:
    """Whether the class holds weights; False if it cannot be imported here."""
    found = class_of(library, class_name)
    return found is not None and issubclass(found, torch.nn.Module)


def class_of(library: str, class_name: str) -> type | None:
    """The class of a component; None if it cannot be imported here."""
    try:
        found = getattr(_library(library), class_name, None)
    except Exception:
        return None
    return found if inspect.isclass(found) else None
