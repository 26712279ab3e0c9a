"""Make docs/faults.md: plant every fault of tests/support/faults, one worker each, and let `harness explain` name it.

The goldens are recorded in a temporary folder first. The script takes about ten minutes on two cores. Given names,
it regenerates only their rows.

    python docs/faults_table.py [NAME ...]
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import diffusers
import torch
import transformers

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/faults.md"
sys.path.insert(0, str(ROOT))
os.environ["HF_HUB_OFFLINE"] = "1"

from tests.support.faults.catalogue import CATALOGUE  # noqa: E402
from tests.support.faults.rig import Examined, examine_all, recorded  # noqa: E402

HEAD = """\
# Planted faults

This page lists {count} defects that a release of diffusers or transformers could introduce. Each is patched into its
own worker process (`tests/support/faults`); the harness and the models stay unchanged. The goldens were recorded
without a fault, with diffusers {diffusers}, transformers {transformers} and torch {torch} on a CPU.
`harness explain CASE` must then name the stage and the call that contain the fault, and `--deep` the module, as the
fault's own definition states them. Every fault proves that its code ran and that its result differs from that of the
correct code. `python docs/faults_table.py` regenerates this page.

{summary}

*Exact channel* is what failed the case without any tolerance; — means that it found nothing, and only numbers differed.

| fault | what it does | case | verdict | exact channel | sits in | named | right |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""

COLUMNS = 8


def main() -> None:
    """Examine the named faults, or all, and write the page."""
    chosen = [fault for fault in CATALOGUE if not sys.argv[1:] or fault.name in sys.argv[1:]]
    rows = rows_of(PAGE.read_text()) if len(chosen) < len(CATALOGUE) else {}
    with tempfile.TemporaryDirectory() as folder:
        project = recorded(Path(folder), {fault.case for fault in chosen})
        rows |= {name: row(one) for name, one in examine_all(project, chosen).items()}
    PAGE.write_text(page(rows))


def rows_of(text: str) -> dict[str, str]:
    """The lines of a page's table, by fault."""
    _, _, body = text.partition("| --- " * COLUMNS + "|\n")
    return {line.split("`")[1]: line for line in body.splitlines(keepends=True) if line.startswith("| `")}


def page(rows: dict[str, str]) -> str:
    """The page's text; `rows` holds the table's lines by fault."""
    shown = [fault for fault in CATALOGUE if fault.name in rows]
    right = sum(rows[fault.name].endswith("| yes |\n") for fault in shown)
    with_module = sum(fault.module is not None for fault in shown)
    head = HEAD.format(
        count=len(shown),
        diffusers=diffusers.__version__,
        transformers=transformers.__version__,
        torch=torch.__version__.partition("+")[0],
        summary=f"Result: {right} of {len(shown)} named correctly; {with_module} of them are in a module, "
        "which must be named too.",
    )
    return head + "".join(rows[fault.name] for fault in shown)


def row(one: Examined) -> str:
    """One line of the table."""
    fault = one.fault
    index = "" if fault.index is None else f" {fault.index}"
    expected = f"{fault.stage}: " + " → ".join(f"`{name}`" for name in fault.components)
    expected += f", `{fault.event}`{index}" if fault.event else ""
    expected += f", `{fault.module}`" if fault.module else ""
    cells = (
        f"`{fault.name}`",
        fault.what,
        f"`{fault.case}`",
        one.verdict,
        "; ".join(f"`{what}`" for what in one.exact[:2]) or "—",
        expected,
        named(one),
        "yes" if one.took_effect and not one.misses else "no: " + "; ".join(one.misses),
    )
    return f"| {' | '.join(cells)} |\n"


def named(one: Examined) -> str:
    """What `explain` named, in short."""
    found = one.divergence
    if found is None:
        return "—"
    off = "" if found["rel_l2"] is None else f", off by {found['rel_l2']:.1e}"
    module = f", `{found['module']}`" if found["module"] else ""
    return f"{found['stage']}: `{found['component']}`, `{found['event']}` {found['index']}{module}{off}"


if __name__ == "__main__":
    main()
