"""Expands a file with a `matrix` into its entries: each combination of the listed values, with its id."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from harness.config.wording import joined, shown
from harness.errors import Problem

MAX_ENTRIES = 1000
_KEY = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_SAFE = re.compile(r"[A-Za-z0-9._+-]{1,40}")

Values = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Entry:
    """One combination: its suffix to the file's id, and the file's keys with the combination applied.

    `places` are where the file has the combination's values, such as `matrix.seed[1]`, in the order of `axes`.
    """

    suffix: str
    values: Values
    axes: tuple[str, ...] = ()
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Expansion:
    """The entries of one file. If its matrix is wrong, one entry without it lets the rest be checked."""

    entries: tuple[Entry, ...]
    problems: tuple[Problem, ...] = ()


def expand(values: Values) -> Expansion:
    """All entries of a file that holds `values`, in the order of the sorted keys' values."""
    base = {key: value for key, value in values.items() if key != "matrix"}
    matrix = values.get("matrix", {})
    if not isinstance(matrix, Mapping):
        message = "expected a mapping of this file's keys to lists of values"
        return Expansion((Entry("", base),), (Problem("", "matrix", shown(matrix), message),))
    problems = (*_bad_keys(matrix), *_bad_lists(matrix), *_bad_places(matrix, base), *_too_many(matrix))
    if problems:
        return Expansion((Entry("", base, tuple(matrix)),), problems)
    return _combined(base, {key: matrix[key] for key in sorted(matrix)})


def rendered(value: object) -> str:
    """`value` as a short text that is safe in a file name: itself if possible, else a slug and a digest."""
    text = value if isinstance(value, str) else _json(value)
    if _SAFE.fullmatch(text):
        return text
    slug = re.sub(r"[^A-Za-z0-9._+-]+", "-", text)[:24].strip("-.")
    return f"{slug}-{_digest(text)}" if slug else _digest(text)


def told_apart(values: Iterable[object]) -> Mapping[str, str]:
    """How each of the `values` of one key is rendered, by its JSON text; all differ by more than letter case.

    If values would collide (`Euler` and `euler`, 1 and "1"), the first in character order, numbers before
    text, keeps its plain text, and the others get a digest of their value. The order in which a file lists
    them therefore changes no id.
    """
    plain = {_json(value): (rendered(value), isinstance(value, str)) for value in values}
    texts: dict[str, str] = {}
    taken: set[str] = set()
    for key, (text, _) in sorted(plain.items(), key=lambda item: (item[1], item[0])):
        free = text if text.casefold() not in taken else f"{text}-{_digest(key)}"
        texts[key] = free
        taken.add(free.casefold())
    return texts


def _combined(base: Values, matrix: Mapping[str, list[object]]) -> Expansion:
    entries: dict[str, Entry] = {}
    problems = []
    texts = {key: told_apart(choices) for key, choices in matrix.items()}
    for numbered in itertools.product(*map(enumerate, matrix.values())):
        values = base
        combination = [value for _, value in numbered]
        for key, value in zip(matrix, combination, strict=True):
            values = _with(values, key.split("."), value)
        suffix = ",".join(
            f"{key}={texts[key][_json(value)]}" for key, value in zip(matrix, combination, strict=True)
        )
        if suffix in entries:
            problems.append(
                Problem("", "matrix", None, f"two entries have the id @{suffix}; keep one of them")
            )
        places = [f"matrix.{key}[{place}]" for key, (place, _) in zip(matrix, numbered, strict=True)]
        entry = Entry(f"@{suffix}" if suffix else "", values, tuple(matrix), tuple(places))
        entries.setdefault(suffix, entry)
    return Expansion(tuple(entries.values()), tuple(dict.fromkeys(problems)))


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _with(values: Values, parts: list[str], new: object) -> Values:
    """A copy of `values` with `new` at the nested key; mappings along the way are copied or created."""
    inner = values.get(parts[0])
    here = new if len(parts) == 1 else _with(inner if isinstance(inner, Mapping) else {}, parts[1:], new)
    return {**values, parts[0]: here}


def _bad_keys(matrix: Values) -> Iterator[Problem]:
    for key in matrix:
        if not _KEY.fullmatch(key):
            message = (
                "not a key of this file; write the parts of nested keys with dots, such as scheduler.class"
            )
            yield Problem("", f"matrix.{key}", None, message)
        elif key.split(".")[0] == "matrix":
            yield Problem("", f"matrix.{key}", None, "a matrix cannot change itself; list other keys")
        outer = next((other for other in matrix if key.startswith(f"{other}.")), None)
        if outer is not None:
            yield Problem(
                "", f"matrix.{key}", None, f"lies inside the matrix key {outer!r}; keep one of the two"
            )


def _bad_lists(matrix: Values) -> Iterator[Problem]:
    for key, choices in matrix.items():
        if not isinstance(choices, list) or not choices:
            yield Problem("", f"matrix.{key}", shown(choices), "expected a list of at least one value")


def _bad_places(matrix: Values, base: Values) -> Iterator[Problem]:
    """Matrix keys that lead through something that is not a mapping."""
    for key in matrix:
        place: object = base
        path = ""
        for part in key.split(".")[:-1]:
            place = place.get(part) if isinstance(place, Mapping) else None
            path = joined(path, part)
            if place is not None and not isinstance(place, Mapping):
                message = (
                    f"`{path}` is not a mapping in this file ({shown(place)}); leave it out or make it one"
                )
                yield Problem("", f"matrix.{key}", None, message)
                break


def _too_many(matrix: Values) -> Iterator[Problem]:
    count = math.prod(len(choices) for choices in matrix.values() if isinstance(choices, list))
    if count > MAX_ENTRIES:
        message = f"gives {count:,} cases; at most {MAX_ENTRIES:,} may come from one file, so split it"
        yield Problem("", "matrix", None, message)
