"""Read the state that an object hides from Python, and restore it if possible."""

from __future__ import annotations

import functools
import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

_TRANSPARENT = ("sentencepiece", "tokenizers", "regex", "_regex")
"""Packages whose C or Rust objects do not change, or only in the state that is read here."""

_READ_WHOLE = 2**20  # bytes

_LRU_CACHE: Any = type(functools.lru_cache(int))

Read = Callable[[], object]
PutBack = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Probe:
    """The hidden state of an object, `where` in the pipeline: `read` returns it in a comparable form."""

    where: str
    read: Read
    before: object
    put_back: PutBack | None = None

    def changed(self) -> bool:
        """Whether the state has changed."""
        return self.read() != self.before

    def restored(self) -> bool:
        """Restore the state if possible; return whether it is as before."""
        if self.put_back is not None:
            self.put_back()
        return not self.changed()


def probe_of(where: str, owner: Any) -> Probe | None:
    """How to read the hidden state of `owner`; None if it has none.

    An unknown object gives a different value every time, since nobody can say that it did not change.
    """
    for is_one, made in _KNOWN:
        if is_one(owner):
            read, put_back = made(owner)
            return Probe(where, read, read(), put_back)
    kind = type(owner)
    if hasattr(owner, "__dict__") or any("__slots__" in vars(base) for base in kind.__mro__):
        return None
    if kind.__module__.partition(".")[0] in _TRANSPARENT:
        return None
    return Probe(f"{where} (nothing can look into a {kind.__qualname__})", object, None)


def _of_tokenizer(owner: Any) -> tuple[Read, PutBack]:
    truncation, padding = owner.truncation, owner.padding

    def put_back() -> None:
        # Every call of the tokenizer sets both again.
        owner.enable_truncation(**truncation) if truncation else owner.no_truncation()
        owner.enable_padding(**padding) if padding else owner.no_padding()

    return partial(_tokenizer, owner), put_back


def _tokenizer(owner: Any) -> object:
    parts = (owner.normalizer, owner.pre_tokenizer, owner.post_processor, owner.decoder)
    return (
        owner.truncation,
        owner.padding,
        getattr(owner, "encode_special_tokens", None),
        owner.get_vocab_size(True),
        repr(owner.get_added_tokens_decoder()),
        [part and part.__getstate__() for part in parts],
        [getattr(owner.model, name, None) for name in ("dropout", "unk_token", "fuse_unk")],
    )


def _of_array(owner: np.ndarray) -> tuple[Read, None]:
    return partial(_array, owner), None


def _array(owner: np.ndarray) -> object:
    raw = owner if owner.nbytes <= _READ_WHOLE else owner.reshape(-1)[:: owner.nbytes // _READ_WHOLE]
    content = repr(raw.tolist()).encode() if owner.dtype.hasobject else raw.tobytes()
    return owner.shape, owner.strides, str(owner.dtype), hashlib.blake2b(content).digest()


def _of_torch_generator(owner: torch.Generator) -> tuple[Read, PutBack]:
    state = owner.get_state()
    return lambda: owner.get_state().numpy().tobytes(), lambda: owner.set_state(state) and None


def _of_numpy_generator(owner: Any) -> tuple[Read, PutBack]:
    bits = owner._bit_generator if isinstance(owner, np.random.RandomState) else owner.bit_generator
    state = bits.state
    return lambda: repr(bits.state), partial(setattr, bits, "state", state)


def _of_random(owner: random.Random) -> tuple[Read, PutBack]:
    return owner.getstate, partial(owner.setstate, owner.getstate())


def _of_lru_cache(owner: Any) -> tuple[Read, None]:
    return owner.cache_info, None


def _of_bytearray(owner: bytearray) -> tuple[Read, None]:
    return partial(bytes, owner), None


def _is_tokenizer(owner: object) -> bool:
    # By name: the package comes with transformers, and is imported only when a tokenizer is loaded.
    return any(
        base.__module__ == "tokenizers" and base.__name__ == "Tokenizer" for base in type(owner).__mro__
    )


def _is_a(*kinds: type) -> Callable[[object], bool]:
    return lambda owner: isinstance(owner, kinds)


_KNOWN: tuple[tuple[Callable[[object], bool], Callable[[Any], tuple[Read, PutBack | None]]], ...] = (
    (_is_tokenizer, _of_tokenizer),
    (_is_a(np.ndarray), _of_array),
    (_is_a(torch.Generator), _of_torch_generator),
    (_is_a(np.random.Generator, np.random.RandomState), _of_numpy_generator),
    (_is_a(random.Random), _of_random),
    (_is_a(_LRU_CACHE), _of_lru_cache),
    (_is_a(bytearray), _of_bytearray),
)
