"""Make docs/images/growth.svg: how rounding grows over a case's steps, from the calibrations in goldens/.

It runs no case: each `goldens/<case>/<platform>.calibration.json` holds the curves.

    python docs/growth_pictures.py
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from harness.codec import from_json  # noqa: E402
from harness.core.measured.calibration import Calibration  # noqa: E402
from harness.golden.calibrations import CALIBRATION  # noqa: E402

PICTURE = ROOT / "docs/images/growth.svg"
MOST_LINES, COLUMNS = 8, 2


@dataclass(frozen=True, slots=True)
class Curve:
    """The largest rel_l2 over all benign runs after each step of one scheduler."""

    label: str
    values: tuple[float, ...]


def main() -> None:
    """Read all calibrations and draw one panel for each folder of cases."""
    mpl.use("svg")
    # Equal curves give an equal file, and text stays text.
    mpl.rcParams.update({"svg.hashsalt": "growth", "svg.fonttype": "none", "font.size": 9})
    from matplotlib import pyplot

    panels = curves()
    rows = -(-len(panels) // COLUMNS)
    figure, axes = pyplot.subplots(
        rows, COLUMNS, figsize=(9, 3.4 * rows), squeeze=False, sharey=True, layout="constrained"
    )
    for axis, (name, lines) in zip(axes.flat, panels.items(), strict=False):
        draw(axis, name, lines)
    for axis in list(axes.flat)[len(panels) :]:
        axis.remove()
    figure.supylabel("largest rel_l2 of all benign runs")
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, metadata={"Date": None})
    print(f"{PICTURE.relative_to(ROOT)}: {sum(map(len, panels.values()))} curves")


def curves() -> Mapping[str, list[Curve]]:
    """The longest curves of each group of cases, by the first part of their ids."""
    found: dict[str, list[Curve]] = {}
    for path in sorted((ROOT / "goldens").rglob(f"*{CALIBRATION.suffix}")):
        calibration = from_json(Calibration, path.read_bytes())
        group, _, rest = calibration.case.partition("/")
        several = len(calibration.growth) > 1
        for one in calibration.growth:
            values = tuple(value for value in one.curve if value)
            name = f"{rest}, {one.event.removesuffix('.step')}" if several else rest
            if len(values) > 1:
                found.setdefault(group, []).append(Curve(name.partition("class=")[2] or name, values))
    return {
        group: sorted(lines, key=lambda line: -len(line.values))[:MOST_LINES]
        for group, lines in found.items()
    }


def draw(axis: Axes, name: str, lines: list[Curve]) -> None:
    """One panel: a curve for each case or scheduler, the error on a logarithmic scale."""
    for line in lines:
        axis.plot(range(1, len(line.values) + 1), line.values, label=line.label, linewidth=1.2)
    axis.set(title=name, xlabel="scheduler step", yscale="log")
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.grid(alpha=0.3)
    axis.legend(fontsize=6, frameon=False)


if __name__ == "__main__":
    main()
