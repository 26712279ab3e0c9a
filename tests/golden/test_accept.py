from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness import files
from harness.core.capture import Acceptance
from harness.errors import StoreError, UnreadableGolden
from harness.golden.accept import write_accepted
from harness.golden.tensors import TensorFile
from tests.golden.builders import DTYPES, write_capture

ACCEPTANCE = Acceptance("record", "2026-01-01T00:00:00+00:00", 2, "0.1.0")

# Kills itself at one moment of accepting; the moments are calls of the operating system.
KILLED = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path
from harness.core.capture import Acceptance
from harness.golden import accept, tensors
tensors.CHUNK_BYTES = 1024
moment, capture, golden = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

def dying_after(function, count):
    calls = []
    def wrapped(*args, **kwargs):
        result = function(*args, **kwargs)
        calls.append(None)
        return die() if len(calls) == count else result
    return wrapped

if moment == "before the rename":
    os.replace = die
elif moment == "after the rename":
    os.replace = dying_after(os.replace, 1)
elif moment == "at the first flush":
    os.fsync = die
elif moment == "at the second flush":
    os.fsync = dying_after(os.fsync, 2)
elif moment == "between two pieces":
    tensors.TensorFile._fill = dying_after(tensors.TensorFile._fill, 3)
document = tensors.TensorFile(capture).document
accept.write_accepted(capture, golden, replace(document, accepted=Acceptance("update", "now", 2, "0")))
print("done")
"""
MOMENTS = {
    "between two pieces": "old",
    "at the first flush": "old",
    "before the rename": "old",
    "after the rename": "new",
    "at the second flush": "new",
}


def capture_of(value: float, folder: Path, name: str = "capture") -> Path:
    return write_capture(folder / f"{name}.safetensors", {"images": np.full(4096, value, np.float32)})


def accept(capture: Path, golden: Path) -> None:
    document = replace(TensorFile(capture).document, accepted=ACCEPTANCE)
    write_accepted(capture, golden, document)


def value_of(golden: Path) -> float:
    """The value of a golden that holds nothing else; every byte is verified."""
    with TensorFile(golden) as file:
        assert set(file.tensors) == {"output/images"}
        values = {value for piece in file.arrays("output/images") for value in piece.tolist()}
    (value,) = values
    return float(value)


def leftovers(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".safetensors"]


def test_a_golden_holds_the_capture_and_how_it_was_accepted(tmp_path: Path) -> None:
    arrays = {name: np.ones((2, 3), dtype) for name, dtype in DTYPES.items()} | {"nothing": np.ones((0, 4))}
    capture = write_capture(tmp_path / "c.safetensors", arrays, text={"prompt": "seven"}, absent=("mask",))
    golden = tmp_path / "goldens" / "ddim" / "two" / "cpu-x86_64.safetensors"
    accept(capture, golden)
    with TensorFile(golden) as stored, TensorFile(capture) as source:
        assert stored.document == replace(source.document, accepted=ACCEPTANCE)
        assert stored.tensors.keys() == source.tensors.keys()
        for name, info in source.tensors.items():
            assert (stored.tensors[name].dtype, stored.tensors[name].shape) == (info.dtype, info.shape)
            assert b"".join(map(bytes, stored.raw(name))) == b"".join(map(bytes, source.raw(name)))
    assert leftovers(tmp_path) == []


def test_a_golden_is_as_readable_as_other_files(tmp_path: Path) -> None:
    golden = tmp_path / "goldens" / "a.safetensors"
    accept(capture_of(1.0, tmp_path), golden)
    (tmp_path / "plain").write_bytes(b"")
    assert golden.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_another_golden_is_replaced(tmp_path: Path) -> None:
    golden = tmp_path / "goldens" / "a.safetensors"
    accept(capture_of(1.0, tmp_path), golden)
    accept(capture_of(2.0, tmp_path), golden)
    assert value_of(golden) == 2.0


def test_a_damaged_capture_is_not_accepted(tmp_path: Path) -> None:
    golden = tmp_path / "goldens" / "a.safetensors"
    accept(capture_of(1.0, tmp_path), golden)
    capture = capture_of(2.0, tmp_path)
    data = bytearray(capture.read_bytes())
    data[-1] ^= 1
    capture.write_bytes(data)
    with pytest.raises(UnreadableGolden, match=r"capture\.safetensors: tensor output/images is damaged"):
        accept(capture, golden)
    assert value_of(golden) == 1.0
    assert leftovers(tmp_path) == []


def test_a_document_of_another_capture_is_not_accepted(tmp_path: Path) -> None:
    capture, other = capture_of(1.0, tmp_path), capture_of(2.0, tmp_path, "other")
    golden = tmp_path / "goldens" / "a.safetensors"
    with pytest.raises(StoreError, match=r"capture\.safetensors: is not the capture to be accepted"):
        write_accepted(capture, golden, TensorFile(other).document)
    assert not golden.exists()


@pytest.mark.parametrize("before", ["nothing", "old"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_kill_leaves_the_old_golden_or_the_new(tmp_path: Path, moment: str, before: str) -> None:
    golden = tmp_path / "goldens" / "cpu-x86_64.safetensors"
    if before == "old":
        accept(capture_of(1.0, tmp_path), golden)
    new = capture_of(2.0, tmp_path, "new")
    done = subprocess.run([sys.executable, "-c", KILLED, moment, str(new), str(golden)], check=False)
    assert done.returncode == -signal.SIGKILL
    if MOMENTS[moment] == "new":
        assert value_of(golden) == 2.0
    elif before == "old":
        assert value_of(golden) == 1.0
    else:
        assert not golden.exists()
    accept(new, golden)
    assert value_of(golden) == 2.0


def test_the_kills_above_happen_in_a_script_that_otherwise_ends(tmp_path: Path) -> None:
    golden, new = tmp_path / "goldens" / "a.safetensors", capture_of(2.0, tmp_path)
    command = [sys.executable, "-c", KILLED, "never", str(new), str(golden)]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "done\n"
    assert value_of(golden) == 2.0


def test_leftovers_of_killed_processes_go_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    folder = tmp_path / "goldens"
    folder.mkdir()
    left, foreign = folder / ".harness-aa.tmp", folder / "notes.tmp"
    for path in (left, foreign):
        path.write_bytes(b"half")
    with files.temporary(folder / "b.safetensors") as living:
        accept(capture_of(1.0, tmp_path), folder / "a.safetensors")
        there = left.exists(), foreign.exists(), Path(living.name).exists()
    assert there == (False, True, True)


def test_two_processes_that_accept_at_once_corrupt_nothing(tmp_path: Path) -> None:
    golden = tmp_path / "goldens" / "a.safetensors"
    script = KILLED.replace("accept.write", "for _ in range(40): accept.write")
    captures = [capture_of(value, tmp_path, str(value)) for value in (1.0, 2.0)]
    command = [sys.executable, "-c", script, "never"]
    running = [
        subprocess.Popen([*command, str(path), str(golden)], stdout=subprocess.DEVNULL) for path in captures
    ]
    seen = set()
    while any(process.poll() is None for process in running):
        if golden.exists():
            seen.add(value_of(golden))
    assert [process.returncode for process in running] == [0, 0]
    assert seen <= {1.0, 2.0}
    assert value_of(golden) in (1.0, 2.0)
    assert leftovers(tmp_path) == []


def test_a_full_disk_is_reported_and_leaves_nothing(tmp_path: Path) -> None:
    golden = tmp_path / "goldens" / "a.safetensors"
    accept(capture_of(1.0, tmp_path), golden)
    # a limit on the size of files fails the write with the operating system's own error
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))\n" + KILLED
    command = [sys.executable, "-c", limited, "never", str(capture_of(2.0, tmp_path)), str(golden)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert f"StoreError: {golden}: cannot be written (File too large); free the space" in done.stderr
    assert value_of(golden) == 1.0
    assert leftovers(tmp_path) == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "goldens").write_bytes(b"a file")
    with pytest.raises(StoreError, match=r"a\.safetensors: cannot be written .*then run the command again"):
        accept(capture_of(1.0, tmp_path), tmp_path / "goldens" / "ddim" / "a.safetensors")
