"""Commands without their start: each is forked from a process of the tests that has imported all commands and run none.

`python -m tests.support.starts.commands DESCRIPTOR` is that process; `run` asks for a command.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from harness.core.messages import FORK_STATUS
from harness.worker.serving import forks
from tests.support.starts.client import ROOT, bring_in_sites, install, own_places

_SIZE = struct.calcsize(FORK_STATUS)

_lock = threading.Lock()


def run(words: Sequence[str], folder: Path, environment: Mapping[str, str]) -> tuple[int, str, str]:
    """Run `harness` with these words: its exit code, and what it wrote to standard output and error."""
    request = json.dumps({"words": [*words], "folder": str(folder), "environment": dict(environment)})
    status_r, status_w = os.pipe()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, open(status_r, "rb") as status:
        with open(os.devnull, "rb") as nothing, _lock:
            server = _server()
            theirs = [nothing.fileno(), out.fileno(), err.fileno(), status_w]
            socket.send_fds(server, [request.encode()], theirs)
            os.close(status_w)
            (pid,) = struct.unpack(FORK_STATUS, server.recv(_SIZE))
        if not pid:
            raise RuntimeError(
                "no command can be forked: the process that has imported them has other threads"
            )
        try:
            (code,) = struct.unpack(FORK_STATUS, status.read(_SIZE))
        except BaseException:
            os.kill(pid, signal.SIGKILL)
            raise
        out.seek(0)
        err.seek(0)
        return code, out.read().decode(), err.read().decode()


@cache
def _server() -> socket.socket:
    """The socket to the server, which ends when this process does."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        subprocess.Popen(
            [sys.executable, "-m", "tests.support.starts.commands", str(theirs.fileno())],
            cwd=ROOT,
            # numpy's threads would make it unsafe to fork; commands compute nothing that is worth several.
            env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
    return ours


def _serve(descriptor: int) -> None:
    for found in pkgutil.walk_packages([str(ROOT / "harness/commands")], "harness.commands."):
        importlib.import_module(found.name)
    importlib.import_module("harness.cli")
    # Without torch there is no CUDA to be asked for.
    forks._is_safe = lambda: len(os.listdir("/proc/self/task")) == 1
    with socket.socket(fileno=descriptor) as requests:
        forks.Forker(requests, lambda _request: None, _be).run()


def _be(request: bytes, _kept: Sequence[int]) -> None:
    """Be `python -m harness WORDS` to the end of this process."""
    asked = json.loads(request)
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    sys.path[0] = asked["folder"]
    sys.argv = ["harness", *asked["words"]]
    sys.orig_argv = [sys.executable, "-m", *sys.argv]
    bring_in_sites(own_places(asked["environment"]))
    install()
    from harness.__main__ import main

    try:
        code = main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
