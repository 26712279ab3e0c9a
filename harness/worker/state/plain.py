"""Which values are plain data, and when two of them count as the same."""

from __future__ import annotations

import abc
import logging
import re
import threading
import types
import weakref
from collections import deque
from collections.abc import Mapping
from enum import Enum
from pathlib import PurePath
from typing import Any

import numpy as np
import torch

CONSTANTS = (
    type(None),
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    range,
    Enum,
    PurePath,
    np.generic,
    torch.dtype,
    torch.device,
    torch.layout,
    torch.memory_format,
)
"""Types whose objects never change and hold no others."""

ATOMS = (
    *CONSTANTS,
    type,
    logging.Logger,
    re.Pattern,
    threading.Event,
    type(threading.Lock()),
    type(threading.RLock()),
    type(vars(abc.ABC)["_abc_impl"]),
    weakref.ReferenceType,
    types.CodeType,
    types.ModuleType,
    types.BuiltinFunctionType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    type(Ellipsis),
    type(NotImplemented),
)
"""Types whose objects are not searched: they cannot change, or belong to the process and not to a pipeline."""

COLLECTIONS = (list, tuple, set, frozenset, deque)

_DEEPEST = 8


def is_data(value: Any, depth: int = 0) -> bool:
    """Whether it consists only of numbers, text and arrays, so that it computes nothing by itself."""
    if isinstance(value, (*CONSTANTS, np.ndarray)):
        return True
    if isinstance(value, torch.Tensor):
        return not isinstance(value, torch.nn.Parameter)
    if depth >= _DEEPEST:
        return False
    if isinstance(value, COLLECTIONS):
        return all(is_data(item, depth + 1) for item in value)
    if isinstance(value, Mapping):
        return all(is_data(item, depth + 1) for item in value.values())
    return False


def same(one: Any, other: Any) -> bool:
    """Whether it is the same object, or an equal constant of the same type."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, float | complex | np.generic):
        # Compared as text: nan equals nan, and -0.0 differs from 0.0.
        return repr(one) == repr(other)
    if isinstance(one, CONSTANTS):
        return bool(one == other)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    # Every lookup of a method creates a new object.
    return (
        isinstance(one, types.MethodType)
        and one.__self__ is other.__self__
        and one.__func__ is other.__func__
    )
