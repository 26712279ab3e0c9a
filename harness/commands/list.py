"""`harness list`: show the cases with device, tolerance and golden state, without starting a worker."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from harness import files
from harness.config.weights import absent
from harness.core.case import Case
from harness.core.results.recording import ListedCase, ListedGolden
from harness.core.tolerance import Relation, Rule
from harness.errors import ConfigError, HarnessError, NotAGolden, UsageError
from harness.golden.calibrations import CALIBRATION
from harness.golden.sidecar import Unusable
from harness.golden.store import GoldenStore
from harness.invocation.arguments import configs, device, goldens, project, selects, shows
from harness.invocation.command import Command, options_of
from harness.invocation.command_line import command
from harness.invocation.emit import emit_json
from harness.invocation.options import Options
from harness.invocation.selection import selected, warn_of
from harness.report import json_report
from harness.report.terminal import Screen
from harness.report.wording import count_words
from harness.review.drafts import listed_drafts
from harness.review.offers import offered

CONTACT_SHEET = Path("goldens.png")
"""The contact sheet, if `--pictures` names no file."""


def list_cases(options: Options, screen: Screen, *, pictures: Path | None = None) -> int:
    """Returns 0; if configs have problems, shows the sound cases and raises ConfigError.

    A contact sheet of their goldens goes to the file `pictures`. Raises UsageError if there is no golden to draw.
    """
    selection = selected(options)
    store = GoldenStore(options.goldens)
    platform = expected_platform(options.device)
    listed = [_listed(case, store, platform, screen) for case in selection.cases]
    listed = _with_offers(listed, options)
    emit_json(json_report.list_json(listed, selection.problems), options)
    if listed:
        screen.show_list(listed, platform)
    if pictures is not None:
        drawn = _draw(listed, store, platform, pictures)
        screen.note(f"{pictures}: {count_words(drawn, 'golden')}")
    warn_of(selection, screen)
    if selection.problems:
        raise ConfigError(selection.problems)
    return 0


def _listed(case: Case, store: GoldenStore, platform: str, screen: Screen) -> ListedCase:
    return ListedCase(
        case=case.id,
        pipeline=case.pipeline,
        model=case.model.id,
        device=platform.partition("-")[0],
        tolerance={str(relation): str(case.tolerance.for_relation(relation)) for relation in Relation},
        goldens=tuple(_golden(case, store, name, screen) for name in store.platforms(case.id)),
        tags=case.tags,
        drafts=listed_drafts(case.id, store),
        absent=tuple(os.path.normpath(Path(case.source).parent / name) for name in absent(case)),
    )


def _with_offers(listed: list[ListedCase], options: Options) -> list[ListedCase]:
    """The cases, each without a golden with the id under which the store probably has it."""
    if all(one.goldens for one in listed):
        return listed
    found = offered(options.configs, options.goldens)
    return [replace(one, renamed_from=found.get(one.case, "")) for one in listed]


def _draw(listed: Sequence[ListedCase], store: GoldenStore, platform: str, target: Path) -> int:
    """Draw a golden of each case, that of `platform` where there is one; returns how many there are."""
    from harness.pictures.encode import png  # imported lazily: it needs numpy
    from harness.pictures.panels import contact_sheet
    from harness.trials.picturing import golden_panel

    panels = []
    for case in listed:
        usable = [golden.platform for golden in case.goldens if not golden.unusable]
        own = [name for name in usable if name == platform or name.startswith(f"{platform}-")]
        panels += [golden_panel(case.case, store.path(case.case, name)) for name in (own or usable)[:1]]
    if not panels:
        raise UsageError(f"{target}: no selected case has a golden to draw; run {command('record')} first")
    files.write(target, png(contact_sheet(panels)))
    return len(panels)


def _golden(case: Case, store: GoldenStore, platform: str, screen: Screen) -> ListedGolden:
    path = store.path(case.id, platform)
    try:
        stale = store.document(path).digest != case.digest()
        return ListedGolden(platform, stale, calibrated=_calibrated(case, path, screen))
    except NotAGolden as error:
        return ListedGolden(platform, stale=False, unusable=str(error))
    except HarnessError as error:
        return ListedGolden(platform, stale=False, readable=False, unusable=str(error))


def _calibrated(case: Case, golden: Path, screen: Screen) -> str:
    allowances = [case.tolerance.for_relation(relation) for relation in Relation]
    if Rule.CALIBRATED not in allowances and not os.path.lexists(CALIBRATION.path(golden)):
        return ""
    from harness.judge.calibrated import calibration_of  # imported lazily: it needs numpy

    found = calibration_of(golden)
    if isinstance(found, Unusable) and found.damaged:
        screen.warn(f"{found.reason}; restore it, or run: {command('calibrate', case.id)}")
        return "damaged"
    if Rule.CALIBRATED not in allowances:
        return ""
    if isinstance(found, Unusable):
        return "missing"
    limits = [one.rel_l2 for one in found.limits(Relation.SAME_HARDWARE).values() if one.rel_l2 is not None]
    return f"rel_l2 {max(limits):.1e}" if limits else "exact"


def expected_platform(device: str) -> str:
    """The platform for `device`; `cuda` without the compute capability, which only the driver knows."""
    machine = platform.machine().lower()
    kind = device.partition(":")[0]
    if kind == "auto":
        kind = "cuda" if _torch_has_cuda() and _has_nvidia_driver() else _without_gpu(machine)
    return kind if kind == "cuda" else f"{kind}-{machine}"


def _without_gpu(machine: str) -> str:
    return "mps" if sys.platform == "darwin" and machine == "arm64" else "cpu"


def _has_nvidia_driver() -> bool:
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def _torch_has_cuda() -> bool:
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return False
    version = Path(spec.origin).with_name("version.py")
    lines = version.read_text().splitlines() if version.is_file() else []
    return any(line.startswith("cuda") and "None" not in line.partition("=")[2] for line in lines)


def _pictures(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--pictures",
        nargs="?",
        type=Path,
        const=CONTACT_SHEET,
        metavar="FILE",
        help=f"draw a contact sheet of the goldens (default {CONTACT_SHEET}, in the current folder)",
    )


def _misuse(arguments: argparse.Namespace) -> Iterator[str]:
    if arguments.pictures is not None and arguments.pictures.suffix != ".png":
        yield f"--pictures {arguments.pictures}: a contact sheet is a .png; name one, or put what you select first"


def _run(arguments: argparse.Namespace, screen: Screen) -> int:
    return list_cases(options_of(arguments), screen, pictures=arguments.pictures)


COMMAND = Command(_run, (selects, project, configs, goldens, device, shows, _pictures), misuse=_misuse)
