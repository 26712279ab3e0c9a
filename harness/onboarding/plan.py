"""Plans the first files of a project and writes them: all or, if one of them exists already, none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import files
from harness.config.project import Project
from harness.errors import UsageError
from harness.onboarding import ci
from harness.onboarding.first_config import config_text
from harness.onboarding.model import Model

LARGE_MEGABYTES = 5


@dataclass(frozen=True, slots=True)
class Planned:
    """A file to write, by its absolute path; what is `added` goes to the end of one that may exist."""

    path: Path
    text: str
    added: bool = False


def planned(project: Project, model: Model, service: str | None) -> tuple[Planned, ...]:
    """The files for a project with this model; raises UsageError if one exists that would be replaced."""
    root, settings = project.root, project.settings
    configs = root / settings.configs
    found = [Planned(configs / f"{model.name}.yaml", config_text(model, configs))]
    if service:
        text = ci.workflow(service, root, settings.configs.as_posix(), settings.out.as_posix())
        found.append(Planned(root / ci.SERVICES[service], text))
    if taken := [one.path for one in found if one.path.exists() or one.path.is_symlink()]:
        named = ", ".join(path.relative_to(root).as_posix() for path in taken)
        raise UsageError(
            f"{named}: exists already and is left as it is; nothing was written. Move it away first"
        )
    found += _missing(root / ".gitignore", [f"/{settings.out.as_posix()}/"])
    found += _missing(root / ".gitattributes", _attributes(settings.goldens.as_posix()))
    return tuple(found)


def write(plan: Sequence[Planned]) -> None:
    """Write the files; raises StoreError or UsageError before the first if one cannot be written."""
    for one in plan:
        files.check(one.path)
    for one in plan:
        before = one.path.read_bytes() if one.added and one.path.exists() else b""
        gap = b"" if not before or before.endswith(b"\n") else b"\n"
        files.write(one.path, before + gap + one.text.encode())


def _attributes(goldens: str) -> list[str]:
    every = f"{goldens}/**/*.safetensors"
    return [
        f"# Goldens are binary. Above {LARGE_MEGABYTES} MB they belong into Git LFS: then use the last line.",
        f"{every} -text -diff",
        f"# {every} filter=lfs diff=lfs merge=lfs -text",
    ]


def _missing(path: Path, lines: Iterable[str]) -> list[Planned]:
    there = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    known = {line.strip().strip("/") for line in there}
    new = [line for line in lines if line.strip().strip("/") not in known]
    return [Planned(path, "".join(f"{line}\n" for line in new), added=True)] if new else []
