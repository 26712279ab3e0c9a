"""While a model is loaded, prevent the libraries from running its code or reading a pickle."""

from __future__ import annotations

import importlib
import importlib.util
import pickle
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any, NoReturn

import torch
from diffusers.utils import dynamic_modules_utils
from transformers import dynamic_module_utils

from harness.worker.rejection import Rejection

_CODE = "it asks for its own Python code ({}); code from a model's folder is never run"
_PICKLE = "it asks for a pickle ({}), and reading one can run any code it holds; convert it to .safetensors"


def _if_there(module: str, name: str) -> Iterator[ModuleType]:
    """The module that defines the name in this version of its package."""
    found = importlib.import_module(module) if importlib.util.find_spec(module) else None
    if found is not None and hasattr(found, name):
        yield found


_DOORS: tuple[tuple[ModuleType, str, str], ...] = (
    *(
        (module, name, _CODE)
        for module in (dynamic_modules_utils, dynamic_module_utils)
        for name in ("get_cached_module_file", "get_class_in_module")
    ),
    # A config's `attn_implementation` may be a hub repository, whose kernels are code.
    *(
        (module, "get_kernel", _CODE)
        for module in _if_there("transformers.integrations.hub_kernels", "get_kernel")
    ),
    (torch, "load", _PICKLE),
    (pickle, "load", _PICKLE),
)
"""The functions through which every version of diffusers and transformers runs code or reads a pickle."""


@contextmanager
def sealed(key: str, value: object) -> Iterator[None]:
    """Refuse code and pickles while the block loads the config's `value` at `key`.

    The checks of a model's folder report what they find before anything is opened; this guard covers everything
    else. Raises Rejection, even if a library wrapped it in its own error.
    """
    with ExitStack() as stack:
        for holder, name, words in _DOORS:
            _replace(holder, name, _refusing(key, value, words), stack)
        try:
            yield
        except Exception as error:
            refused = _refused(error)
            if refused is None or refused is error:
                raise
            raise refused from error


def _refusing(key: str, value: object, words: str) -> Callable[..., NoReturn]:
    def refuse(*args: Any, **_keywords: Any) -> NoReturn:
        # The file's name is the last of the leading text arguments: (folder, file) or (file,).
        texts = [str(one) for one in args if isinstance(one, str)]
        raise Rejection(key, value, words.format(texts[-1] if texts else "no name given"))

    return refuse


def _replace(holder: ModuleType, name: str, stand_in: object, stack: ExitStack) -> None:
    stack.callback(setattr, holder, name, getattr(holder, name))
    setattr(holder, name, stand_in)


def _refused(error: BaseException | None) -> Rejection | None:
    """The refusal that caused `error`."""
    while error is not None:
        if isinstance(error, Rejection):
            return error
        error = error.__cause__ or error.__context__
    return None
