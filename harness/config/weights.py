"""Whether the weights that a config names are valid: built-in models, folders, .safetensors files, hub ids."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from harness import zoo
from harness.config.files import kind_of
from harness.config.wording import joined, shown, unknown
from harness.core.case import BUILTIN, Case
from harness.core.formats import PICKLE_SUFFIXES
from harness.errors import Problem

SAFETENSORS = ".safetensors"
_HUB_ID = re.compile(r"(?!.*(\.\.|--))[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9_][\w.-]{0,95})?", re.ASCII)
_DEEP_PATH = re.compile(r"\w[\w.+-]*(/\w[\w.+-]*){2,}/?")
_COMMIT = re.compile(r"[0-9a-f]{40}")

Values = Mapping[str, object]

_CONVERT_IP_ADAPTER = (
    "if you trust it, convert it to .safetensors with safetensors.torch.save_file({f'{part}.{name}': "
    "one.contiguous() for part, tensors in torch.load(FILE, weights_only=True).items() for name, one in "
    "tensors.items()}, 'FILE.safetensors')"
)

FLOATS = "floats, so the model may change under the golden; pin a commit sha of 40 hex digits"
REASON = ", or give the reason for not pinning it as `floating` next to it"


@dataclass(frozen=True, slots=True)
class Kind:
    """What weights are for: `where` a folder or file is expected, whether `builtin` is accepted, how to `convert`."""

    where: str
    builtin: bool
    convert: str


MODEL = Kind(
    "a model's folder or .safetensors file, relative to this file",
    True,
    "with PIPELINE.from_single_file(FILE).save_pretrained(FOLDER)",
)
ADDITION = Kind(
    "a folder or .safetensors file, relative to this file",
    False,
    'with safetensors.torch.save_file(torch.load(FILE, weights_only=True), "FILE.safetensors")',
)


SOURCE = "pretrained_model_name_or_path_or_dict"
"""The argument names for a path or repository in diffusers' methods that load weights."""


def call_problems(key: str, call: Values, folder: Path) -> Iterator[Problem]:
    """What is wrong with the arguments `call`, at `key`, of a method that loads something."""
    for name, value in call.items():
        for one in listed(value):
            if PurePosixPath(one).suffix in PICKLE_SUFFIXES:
                advice = f"a pickle can run any code when it is read; {_CONVERT_IP_ADAPTER}"
                yield Problem("", joined(key, name), shown(one), advice)
            elif name == SOURCE and (message := _id_problem(one, folder, ADDITION)):
                yield Problem("", joined(key, name), shown(one), message)


def listed(value: object) -> list[str]:
    """The texts in an argument that takes a text or a list of texts."""
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]


def model_problems(model: Values, pipeline: object, folder: Path) -> Iterator[Problem]:
    """What is wrong with the weights of `model`, whose config is in `folder`."""
    name = model.get("id")
    if not isinstance(name, str):
        return
    yield from _weights_problems("model", model, name, folder, MODEL)
    if _is_file_name(name) and kind_of(folder / name) == "file":
        if pipeline == "auto":
            yield Problem(
                "", "pipeline", shown(pipeline), "a single file does not name its pipeline; name a class"
            )
        if model.get("variant") is not None:
            message = "a single file has no variants; leave it out"
            yield Problem("", "model.variant", shown(model["variant"]), message)


def addition_problems(key: str, addition: Values, folder: Path) -> Iterator[Problem]:
    """What is wrong with the weights of an adapter or embedding at `key`."""
    name, inside = addition.get("id"), addition.get("weight_name")
    if not isinstance(name, str):
        return
    yield from _weights_problems(key, addition, name, folder, ADDITION)
    kind = kind_of(folder / name)
    if not isinstance(inside, str):
        if kind == "folder":
            yield from _only_pickles(key, addition, folder / name)
        return
    if kind == "file":
        message = f"`{key}.id` is already a file; leave this out"
        yield Problem("", joined(key, "weight_name"), shown(inside), message)
    elif (
        kind == "folder" and kind_of(folder / name / str(addition.get("subfolder") or "") / inside) != "file"
    ):
        yield Problem("", joined(key, "weight_name"), shown(inside), f"no such file in the folder {name}")


def _only_pickles(key: str, addition: Values, folder: Path) -> Iterator[Problem]:
    """The problem of an addition that names a folder, but no file in it, if the folder holds only pickles."""
    place = folder / str(addition.get("subfolder") or "")
    names = sorted(path.name for path in place.iterdir()) if kind_of(place) == "folder" else []
    pickles = [name for name in names if name.endswith(PICKLE_SUFFIXES)]
    if pickles and not any(name.endswith(SAFETENSORS) for name in names):
        message = f"holds only pickles ({pickles[0]}), which can run any code when they are read"
        advice = f"if you trust it, convert it to .safetensors {ADDITION.convert}"
        yield Problem("", joined(key, "id"), shown(addition["id"]), f"{message}; {advice}")


def floating(key: str, weights: Values, folder: Path, remedy: str = REASON) -> Iterator[Problem]:
    """A warning if the hub may give other weights tomorrow and no reason accepts it; `weights` have no problems."""
    if weights.get("floating") is None and _floats(weights, str(weights["id"]), folder):
        yield Problem("", joined(key, "revision"), shown(weights.get("revision")), FLOATS + remedy)


def is_hub_id(name: str, folder: Path) -> bool:
    """Whether `name` can only be a hub id."""
    is_path = name.startswith(BUILTIN) or _is_path(name) or _is_file_name(name)
    return not is_path and kind_of(folder / name) == "nothing"


def absent(case: Case) -> tuple[str, ...]:
    """The missing folders and files with weights that `case` names: a reason to skip it."""
    return tuple(name for name in named(case) if _is_absent(name, Path(case.base)))


def named(case: Case) -> tuple[str, ...]:
    """What `case` names its weights by, each once: built-in models, hub ids, folders and files."""
    variant = case.variant
    names = [case.model.id]
    names += [one.id for one in variant.adapters]
    names += [one.id for one in variant.ip_adapters]
    names += [one.id for one in variant.embeddings]
    names += [one for step in case.before for one in listed(step.call.get(SOURCE))]
    return tuple(dict.fromkeys(names))


def _is_absent(name: str, folder: Path) -> bool:
    return _is_path(name) and kind_of(folder / name) == "nothing"


def _weights_problems(key: str, weights: Values, name: str, folder: Path, kind: Kind) -> Iterator[Problem]:
    message = _id_problem(name, folder, kind)
    if message is not None:
        yield Problem("", joined(key, "id"), shown(name), message)
    revision = weights.get("revision")
    if revision is not None and not is_hub_id(name, folder):
        message = "only a hub id has revisions; leave it out"
        yield Problem("", joined(key, "revision"), shown(revision), message)
    reason = weights.get("floating")
    if reason is not None and not _floats(weights, name, folder):
        why = "this one is pinned" if is_hub_id(name, folder) else "only a hub id has revisions"
        message = f"is for a revision that floats, and {why}; leave it out"
        yield Problem("", joined(key, "floating"), shown(reason), message)


def _floats(weights: Values, name: str, folder: Path) -> bool:
    return is_hub_id(name, folder) and not _COMMIT.fullmatch(str(weights.get("revision")))


def _id_problem(name: str, folder: Path, kind: Kind) -> str | None:
    if name.startswith(BUILTIN) and kind.builtin:
        accepted = [BUILTIN + one for one in zoo.names()]
        return None if name in accepted else unknown("no built-in model of this name", name, accepted)
    there = kind_of(folder / name)
    suffix = PurePosixPath(name).suffix
    if there == "folder" or (there == "file" and suffix == SAFETENSORS):
        return None
    if suffix in PICKLE_SUFFIXES:
        advice = f"if you trust it, convert it to .safetensors {kind.convert}"
        return f"a pickle can run any code when it is read; {advice}"
    if there != "nothing":
        return f"is neither a folder nor a .safetensors file; expected {kind.where}"
    if _is_absent(name, folder) or _HUB_ID.fullmatch(name):
        return None
    return f"expected {'builtin:NAME, ' if kind.builtin else ''}a hub id such as org/name, or {kind.where}"


def _is_path(name: str) -> bool:
    """Whether `name` can only be a path; one slash alone may be a hub id's."""
    suffix = PurePosixPath(name).suffix
    if suffix in PICKLE_SUFFIXES or "\0" in name:
        return False
    return name.startswith((".", "/")) or suffix == SAFETENSORS or bool(_DEEP_PATH.fullmatch(name))


def _is_file_name(name: str) -> bool:
    return PurePosixPath(name).suffix in (SAFETENSORS, *PICKLE_SUFFIXES)
