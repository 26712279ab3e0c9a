"""What the command line asks for, as frozen options."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.config.project import AUTO, Jobs
from harness.core.flags import Flags
from harness.core.tolerance import Relation


@dataclass(frozen=True, slots=True)
class Options:
    """The options common to the commands that run cases or read goldens."""

    select: tuple[str, ...] = ()
    configs: Path = Path("configs")
    goldens: Path = Path("goldens")
    device: str = "auto"
    jobs: Jobs = AUTO
    out: Path = Path("out")
    json: str | None = None
    junit: Path | None = None
    markdown: Path | None = None
    annotations: bool = True
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """How `verify` judges: the relation to judge under, which verdicts pass, and whether to add forced replay."""

    relation: Relation | None = None
    allow_missing: bool = False
    strict: bool = False
    forced: bool = False


@dataclass(frozen=True, slots=True)
class UpgradeOptions:
    """What `verify --with` tries: `candidates` are the requirements of each, `lock` and `day` decide whole sets.

    `matrix` is a file that lists the candidates instead.
    `installer` is uv, pip or auto. `sdists` may be built, and `large` packages downloaded.
    """

    candidates: tuple[tuple[str, ...], ...] = ()
    lock: Path | None = None
    day: str | None = None
    installer: str = "auto"
    sdists: bool = False
    large: bool = False
    matrix: Path | None = None

    @property
    def asked(self) -> bool:
        """Whether anything is to be tried."""
        return bool(self.candidates or self.lock or self.day or self.matrix)


@dataclass(frozen=True, slots=True)
class BlameOptions:
    """What `blame` searches: between the `good` and the `bad` versions, or from the day `since` on.

    Without any, from the golden's versions to those that are installed. `bitwise` and `least` (a rel_l2) say what
    counts as a difference; `every` asks for all changes on the way. The rest is as in UpgradeOptions.
    """

    good: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()
    since: str | None = None
    bitwise: bool = False
    least: float | None = None
    every: bool = False
    installer: str = "auto"
    sdists: bool = False
    large: bool = False


@dataclass(frozen=True, slots=True)
class RepeatOptions:
    """How `repeat` runs: `count` times in fresh processes; with `reuse`, as many more in one worker; under `flags`."""

    count: int = 3
    reuse: bool = False
    flags: tuple[Flags, ...] = (Flags.ON,)


def named_out(options: Options) -> str:
    """The output folder as commands have to name it, "" for the default."""
    return "" if options.out == Options().out else str(options.out)
