"""Measure the cost of moving weights to multiples of 64 bytes: seconds and memory, with and without.

Run from the repository's root: `python benchmarks/alignment.py [--mib 1024] [--repeats 3]`. Every load runs in its
own process, the kinds of load take turns, and the medians are shown. A load ends when every weight has been read
once, since a mapped file is read only then.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ["HF_HUB_OFFLINE"] = "1"

KINDS: Mapping[str, tuple[str, bool, Mapping[str, bool]]] = {
    "mapped, not aligned": ("unaligned", False, {}),
    "mapped": ("unaligned", True, {}),
    "mapped, in 10 shards": ("shards", True, {}),
    "mapped, aligned in the file": ("aligned", True, {}),
    "read, not aligned": ("unaligned", False, {"disable_mmap": True}),
    "read": ("unaligned", True, {"disable_mmap": True}),
}
"""The stored form, whether weights are aligned after loading, and the options of the load."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=1024, help="size of the checkpoint")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--child", nargs=2, metavar=("FOLDER", "KIND"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(measured(Path(args.child[0]), args.child[1])))
        return 0
    with tempfile.TemporaryDirectory() as place:
        store(Path(place), args.mib)
        runs = [(kind, in_a_process(place, kind)) for _ in range(args.repeats) for kind in KINDS]
    show({kind: [found for name, found in runs if name == kind] for kind in KINDS})
    return 0


def store(place: Path, mib: int) -> None:
    """Save a pipeline of about `mib` MiB three times: aligned in the file, 8 bytes off, and 8 bytes off in shards."""
    import torch
    from diffusers import DDIMPipeline, DDIMScheduler, UNet2DModel

    width = 64 * max(1, round((mib * 256 / 1050) ** 0.5))  # 1024 channels make 1050 MiB
    with torch.device("meta"):
        unet = UNet2DModel(
            sample_size=8,
            in_channels=16,
            out_channels=16,
            block_out_channels=(width, width),
            layers_per_block=1,
            down_block_types=("DownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "UpBlock2D"),
        )
    unet = unet.to_empty(device="cpu")
    for parameter in unet.parameters():
        parameter.data.fill_(0.01)
    pipeline = DDIMPipeline(unet, DDIMScheduler())
    for name, start, shard in (
        ("aligned", 0, "99GB"),
        ("unaligned", 8, "99GB"),
        ("shards", 8, f"{mib // 10}MB"),
    ):
        pipeline.save_pretrained(place / name, max_shard_size=shard)
        for file in (place / name).glob("*/*.safetensors"):
            put(file, start)


def put(file: Path, start: int) -> None:
    """Let a safetensors file's tensors begin `start` bytes after a multiple of 64: its header may end in spaces."""
    with file.open("rb") as old, file.with_suffix(".new").open("wb") as new:
        size = int.from_bytes(old.read(8), "little")
        longer = size + (start - 8 - size) % 64
        new.write(longer.to_bytes(8, "little") + old.read(size).ljust(longer))
        shutil.copyfileobj(old, new, 2**24)
    file.with_suffix(".new").replace(file)


def in_a_process(place: str, kind: str) -> Mapping[str, float]:
    """The cost of a load of that kind in its own process."""
    command = [sys.executable, "-W", "ignore", __file__, "--child", place, kind]
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    found: Mapping[str, float] = json.loads(ran.stdout)
    return found


def measured(place: Path, kind: str) -> Mapping[str, float]:
    """Seconds of one load, and MiB above the process's memory before it."""
    import torch
    from diffusers import DDIMPipeline

    from harness.worker.loading.alignment import align

    folder, wanted, options = KINDS[kind]
    torch.set_num_threads(1)
    watch = Watch()
    started = time.perf_counter()
    pipeline = DDIMPipeline.from_pretrained(place / folder, **options)
    loaded = time.perf_counter()
    moved = align(pipeline) if wanted else 0
    aligned = time.perf_counter()
    total = sum(float(weight.sum()) for weight in pipeline.unet.parameters())
    ended = time.perf_counter()
    assert total
    return {
        "load": loaded - started,
        "align": aligned - loaded,
        "read": ended - aligned,
        "seconds": ended - started,
        "moved": moved / 2**20,
        **watch.found(),
    }


class Watch:
    """The sampled peaks of this process's resident memory: all pages, and those that map no file."""

    def __init__(self) -> None:
        self._most = self._before = now()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def found(self) -> Mapping[str, float]:
        """The peaks and the final values in MiB, above those at the start of the watch."""
        self._over.set()
        self._thread.join()
        ends = now()
        names = ("resident", "anonymous")
        return {
            **{f"peak {name}": self._most[i] - self._before[i] for i, name in enumerate(names)},
            **{f"{name} in the end": ends[i] - self._before[i] for i, name in enumerate(names)},
        }

    def _look(self) -> None:
        while not self._over.wait(0.002):
            self._most = tuple(map(max, self._most, now()))


def now() -> tuple[float, ...]:
    """Resident memory in MiB (Linux): all, and anonymous."""
    lines = Path("/proc/self/status").read_text().splitlines()
    sizes = {
        name: float(rest.split()[0]) / 1024
        for name, _, rest in (x.partition(":") for x in lines)
        if "Rss" in name or name == "VmRSS"
    }
    return sizes["VmRSS"], sizes["RssAnon"]


COLUMNS = (
    "load",
    "align",
    "read",
    "seconds",
    "moved",
    "peak resident",
    "peak anonymous",
    "resident in the end",
)


def show(runs: Mapping[str, list[Mapping[str, float]]]) -> None:
    """A line for each kind of load, with its ratio to the load without alignment above it."""
    print(f"{'':<28}" + "".join(f"{name:>21}" for name in COLUMNS) + f"{'ratio of seconds':>21}")
    plain = 0.0
    for kind, found in runs.items():
        row = {name: statistics.median(one[name] for one in found) for name in COLUMNS}
        if "not" in kind:
            plain = row["seconds"]
        cells = [f"{row[name]:.2f} s" for name in COLUMNS[:4]] + [
            f"{row[name]:.0f} MiB" for name in COLUMNS[4:]
        ]
        print(f"{kind:<28}" + "".join(f"{cell:>21}" for cell in cells) + f"{row['seconds'] / plain:>20.2f}x")


if __name__ == "__main__":
    sys.exit(main())
