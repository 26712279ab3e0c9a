"""The small weights that a config adds to a pipeline: found, checked and digested before diffusers loads them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from huggingface_hub import hf_hub_download, model_info, snapshot_download

from harness.core.capture import LoadedFile
from harness.core.case import ModelSpec
from harness.core.formats import PICKLE_SUFFIXES
from harness.worker.model_files import model_folder, weights
from harness.worker.model_files.hub_errors import ModelUnavailable, unavailable
from harness.worker.rejection import Rejection

Files = Mapping[str, LoadedFile]
"""What was read, by the key of the config and the path as it is written there."""

_NOT_WEIGHTS = ("checkpoint", "optimizer", "scheduler")
"""What the names of files have in them that lie beside weights while these are trained, as diffusers sees it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Weights as the config at `key` names them: `id` is a file or folder relative to the config, or a hub id."""

    key: str
    id: str
    subfolder: str = ""
    weight_name: str | None = None
    revision: str | None = None

    @property
    def inside(self) -> str:
        """`subfolder` as the beginning of a path."""
        return f"{self.subfolder}/" if self.subfolder not in ("", ".") else ""

    def named(self, path: str) -> str:
        """How a file of it is called in a capture."""
        return f"{self.key}: {self.id.rstrip('/')}/{path}"


@dataclass(frozen=True, slots=True)
class Found:
    """Weights on this machine: the file `weight_name` in `subfolder` of `folder`, and the digest of what it holds."""

    folder: Path
    subfolder: str
    weight_name: str
    commit: str | None
    files: Files


def find(wanted: Wanted, base: Path, usual: str) -> Found:
    """The weights on this machine, brought from the hub where they lie there; `usual` is the name preferred of several.

    Raises ModelUnavailable for what cannot be had here, Rejection for what may not be loaded.
    """
    _refuse_paths_out(wanted, wanted.subfolder, wanted.weight_name)
    local = base / wanted.id
    if local.is_file():
        files = {f"{wanted.key}: {wanted.id}": LoadedFile(_sound(wanted, local))}
        return Found(local.parent, "", local.name, None, files)
    if local.is_dir():
        names = [path.name for path in (local / wanted.subfolder).glob("*") if path.is_file()]
        name = wanted.weight_name or _chosen(wanted, names, usual)
        folder, commit = local, None
    else:
        refuse_absent(wanted.id, base)
        name = wanted.weight_name or _chosen(wanted, _offered(wanted), usual)
        folder, commit = _fetched(wanted, name)
    path = folder / wanted.subfolder / name
    if not path.is_file():
        raise Rejection(
            wanted.key, wanted.id, f"has no file {wanted.inside}{name}; name one as `weight_name`"
        )
    digest = LoadedFile(_sound(wanted, path), commit)
    return Found(folder, wanted.subfolder, name, commit, {wanted.named(f"{wanted.inside}{name}"): digest})


def find_model(wanted: Wanted, base: Path, subfolder: str) -> tuple[Path, Files]:
    """The folder of a whole model, such as an image encoder, in `subfolder` of what is wanted, and its files.

    Raises as `find` does.
    """
    _refuse_paths_out(wanted, subfolder)
    local = base / wanted.id
    if local.exists():
        folder, commit = (local.parent if local.is_file() else local) / subfolder, None
    else:
        refuse_absent(wanted.id, base)
        folder, commit = _fetched_model(wanted, subfolder)
    if not any(folder.glob(f"*{weights.SAFE_SUFFIX}")):
        pickles = sorted(path.name for path in folder.glob("*") if path.name.endswith(PICKLE_SUFFIXES))
        what = f"holds its weights as a pickle only ({pickles[0]})" if pickles else "is not there"
        advice = (
            "load it where you trust it and save it with save_pretrained(FOLDER, safe_serialization=True)"
        )
        raise Rejection(wanted.key, wanted.id, f"{subfolder or 'the model'} {what}; {advice}")
    model_folder.refuse_unsafe(folder, (), wanted.id, wanted.key)
    names = sorted(path.name for path in folder.iterdir() if path.suffix in (weights.SAFE_SUFFIX, ".json"))
    inside = f"{subfolder}/" if subfolder else ""
    return folder, {
        wanted.named(f"{inside}{name}"): LoadedFile(_checked(wanted, folder / name), commit) for name in names
    }


def refuse_absent(name: str, base: Path) -> None:
    """Raise ModelUnavailable for what can only be a path, relative to `base`, where nothing lies."""
    if weights.is_path(name) and not (base / name).exists():
        raise ModelUnavailable(
            f"{name}: there is no file or folder {base / name}; put it there or fix the id"
        )


def whole(key: str, written: str, base: Path) -> Files:
    """The digests of a file of the config's folder, or of all files in a folder of it; hidden ones are passed over."""
    place = base / written
    if place.is_file():
        return {f"{key}: {written}": LoadedFile(sha256(place))}
    paths = sorted(path for path in place.rglob("[!.]*") if path.is_file())
    return {
        f"{key}: {written.rstrip('/')}/{path.relative_to(place).as_posix()}": LoadedFile(sha256(path))
        for path in paths
    }


def sha256(path: Path) -> str:
    """The sha256 of a file, in hex; read once as long as the file does not change."""
    now = path.stat()
    return _sha256(path.resolve(), now.st_size, now.st_mtime_ns, now.st_ino)


@lru_cache(maxsize=256)
def _sha256(path: Path, _size: int, _changed: int, _inode: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checked(wanted: Wanted, path: Path) -> str:
    return _sound(wanted, path) if path.suffix == weights.SAFE_SUFFIX else sha256(path)


def _sound(wanted: Wanted, path: Path) -> str:
    """The sha256 of a safetensors file that can be read to its end; raises Rejection for any other."""
    if path.suffix != weights.SAFE_SUFFIX:
        what = f"{path.name} is no safetensors file, and reading a pickle can run any code it holds"
        raise Rejection(wanted.key, wanted.id, f"{what}; convert it to .safetensors where you trust it")
    if damage := weights.damage(path):
        raise Rejection(wanted.key, wanted.id, f"{path.name} {damage}; fetch it again")
    return sha256(path)


def _refuse_paths_out(wanted: Wanted, *paths: str | None) -> None:
    for path in filter(None, paths):
        if ".." in PurePosixPath(path).parts or path.startswith(("/", "~")) or "\\" in path:
            raise Rejection(wanted.key, path, f"leads out of {wanted.id}; give a path inside of it")


def _chosen(wanted: Wanted, names: Iterable[str], usual: str) -> str:
    """The one safetensors file among `names`, or the one called as `usual`."""
    there = list(names)
    found = sorted(name for name in there if name.endswith(weights.SAFE_SUFFIX))
    found = [name for name in found if not any(part in name for part in _NOT_WEIGHTS)]
    found = [name for name in found if name.endswith(usual)] or found
    if len(found) == 1:
        return found[0]
    place = f"{wanted.id}/{wanted.subfolder}".rstrip("/")
    if found:
        message = (
            f"{place} has {len(found)} files of weights; name one as `weight_name`: {', '.join(found[:8])}"
        )
    elif any(name.endswith(PICKLE_SUFFIXES) for name in there):
        message = f"{place} has its weights as a pickle only; convert it to .safetensors where you trust it"
    else:
        message = f"{place} has no .safetensors file; name another folder, or the file itself"
    raise Rejection(wanted.key, wanted.id, message)


def _offered(wanted: Wanted) -> Iterator[str]:
    """The files that the hub has in the subfolder, or else the cache."""
    spec = ModelSpec(wanted.id, wanted.revision)
    try:
        listed = [one.rfilename for one in model_info(wanted.id, revision=wanted.revision).siblings or ()]
    except Exception as error:
        try:
            cached = Path(snapshot_download(wanted.id, revision=wanted.revision, local_files_only=True))
        except Exception:
            raise unavailable(error, spec) from error
        listed = [path.relative_to(cached).as_posix() for path in cached.rglob("*")]
    for name in listed:
        if name.startswith(wanted.inside) and "/" not in name.removeprefix(wanted.inside):
            yield name.removeprefix(wanted.inside)


def _fetched(wanted: Wanted, name: str) -> tuple[Path, str]:
    """The snapshot that the file is in, and its commit."""
    path = f"{wanted.inside}{name}"
    try:
        found = Path(hf_hub_download(wanted.id, path, revision=wanted.revision))
    except Exception as error:
        raise unavailable(error, ModelSpec(wanted.id, wanted.revision)) from error
    folder = found.parents[path.count("/")]
    return folder, folder.name


def _fetched_model(wanted: Wanted, subfolder: str) -> tuple[Path, str]:
    patterns = [
        f"{subfolder}/*{suffix}" if subfolder else f"*{suffix}" for suffix in (".json", weights.SAFE_SUFFIX)
    ]
    try:
        found = Path(snapshot_download(wanted.id, revision=wanted.revision, allow_patterns=patterns))
    except Exception as error:
        raise unavailable(error, ModelSpec(wanted.id, wanted.revision)) from error
    return found / subfolder, found.name
