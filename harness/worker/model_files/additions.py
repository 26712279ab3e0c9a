"""Find, check and digest the small weights that a config adds to a pipeline, before diffusers loads them."""

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
"""The files that were read, by the config's key and the path as written there."""

_NOT_WEIGHTS = ("checkpoint", "optimizer", "scheduler")
"""Words in the names of training files next to weights, which diffusers ignores too."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Weights that the config names at `key`: `id` is a file or folder relative to the config, or a hub id."""

    key: str
    id: str
    subfolder: str = ""
    weight_name: str | None = None
    revision: str | None = None

    @property
    def inside(self) -> str:
        """`subfolder` as the prefix of a path."""
        return f"{self.subfolder}/" if self.subfolder not in ("", ".") else ""

    def named(self, path: str) -> str:
        """The name of one of its files in a capture."""
        return f"{self.key}: {self.id.rstrip('/')}/{path}"


@dataclass(frozen=True, slots=True)
class Found:
    """Weights on this machine: the file `weight_name` in `subfolder` of `folder`, and the digest of its content."""

    folder: Path
    subfolder: str
    weight_name: str
    commit: str | None
    files: Files


def find(wanted: Wanted, base: Path, usual: str) -> Found:
    """The weights on this machine, fetched from the hub if necessary; `usual` is the preferred name of several.

    Raises ModelUnavailable for weights that are not available here, Rejection for weights that may not be loaded.
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
    """The folder of a whole model, such as an image encoder, in `subfolder` of `wanted`, and its files.

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
        what = f"holds its weights only as a pickle ({pickles[0]})" if pickles else "does not exist"
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
    """Raise ModelUnavailable for an id that can only be a path, relative to `base`, and does not exist."""
    if weights.is_path(name) and not (base / name).exists():
        raise ModelUnavailable(
            f"{name}: there is no file or folder {base / name}; put it there or fix the id"
        )


def whole(key: str, written: str, base: Path) -> Files:
    """The digests of a file next to the config, or of all files in a folder there; hidden files are skipped."""
    place = base / written
    if place.is_file():
        return {f"{key}: {written}": LoadedFile(sha256(place))}
    paths = sorted(path for path in place.rglob("[!.]*") if path.is_file())
    return {
        f"{key}: {written.rstrip('/')}/{path.relative_to(place).as_posix()}": LoadedFile(sha256(path))
        for path in paths
    }


def sha256(path: Path) -> str:
    """The sha256 of a file, in hex; the file is read again only if it changes."""
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
        what = f"{path.name} is not a safetensors file, and reading a pickle can run any code it holds"
        raise Rejection(wanted.key, wanted.id, f"{what}; convert it to .safetensors where you trust it")
    if damage := weights.damage(path):
        raise Rejection(wanted.key, wanted.id, f"{path.name} {damage}; download it again")
    return sha256(path)


def _refuse_paths_out(wanted: Wanted, *paths: str | None) -> None:
    for path in filter(None, paths):
        if ".." in PurePosixPath(path).parts or path.startswith(("/", "~")) or "\\" in path:
            raise Rejection(wanted.key, path, f"leads out of {wanted.id}; give a path inside it")


def _chosen(wanted: Wanted, names: Iterable[str], usual: str) -> str:
    """The only safetensors file among `names`, or the one named `usual`."""
    there = list(names)
    found = sorted(name for name in there if name.endswith(weights.SAFE_SUFFIX))
    found = [name for name in found if not any(part in name for part in _NOT_WEIGHTS)]
    found = [name for name in found if name.endswith(usual)] or found
    if len(found) == 1:
        return found[0]
    place = f"{wanted.id}/{wanted.subfolder}".rstrip("/")
    if found:
        message = f"{place} has {len(found)} weight files; name one as `weight_name`: {', '.join(found[:8])}"
    elif any(name.endswith(PICKLE_SUFFIXES) for name in there):
        message = f"{place} has its weights only as a pickle; convert it to .safetensors where you trust it"
    else:
        message = f"{place} has no .safetensors file; name another folder, or the file itself"
    raise Rejection(wanted.key, wanted.id, message)


def _offered(wanted: Wanted) -> Iterator[str]:
    """The files in the subfolder on the hub, or else in the cache."""
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
    """The snapshot that contains the file, and its commit."""
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
