"""A fork server forks a process of its own for each request, tells how it ended, and refuses where a fork is not whole.

The server here imports no torch: what stands in its place has no CUDA open.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.core.messages import FORK_STATUS
from harness.worker.serving import forks

ROOT = Path(__file__).resolve().parents[3]

SERVER = """
import os, signal, socket, sys, threading, time, types
sys.modules["torch"] = types.SimpleNamespace(cuda=types.SimpleNamespace(is_initialized=lambda: CUDA))
from harness.worker.serving.forks import Forker

def become(request, kept):
    print(os.getpid(), os.getpgrp(), flush=True)
    exec(request.decode())

def prepare(request):
    if request == b"threads":
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()

with socket.socket(fileno=int(sys.argv[1])) as requests:
    Forker(requests, prepare, become).run()
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is no safe fork")


class Server:
    """A fork server and the socket to it."""

    def __init__(self, log: Path, *, cuda: bool = False) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._log = log
        with theirs, log.open("wb") as sink:
            self.process = subprocess.Popen(
                [sys.executable, "-c", f"CUDA = {cuda}\n{SERVER}", str(theirs.fileno())],
                cwd=ROOT,
                pass_fds=[theirs.fileno()],
                stderr=sink,
            )
        self._socket.settimeout(60)

    def fork(self, request: str) -> tuple[int, int, int]:
        """Ask for a child: its number, 0 where none was forked, where it writes and where its end is told."""
        (output_r, output_w), (status_r, status_w) = os.pipe(), os.pipe()
        with open(os.devnull, "rb") as nothing, self._log.open("ab") as log:
            theirs = [nothing.fileno(), output_w, log.fileno(), status_w]
            socket.send_fds(self._socket, [request.encode()], theirs)
        os.close(output_w)
        os.close(status_w)
        (pid,) = struct.unpack(FORK_STATUS, self._socket.recv(struct.calcsize(FORK_STATUS)))
        return pid, output_r, status_r

    def close(self) -> None:
        self._socket.close()
        self.process.kill()
        self.process.wait()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    found = Server(tmp_path / "log")
    yield found
    found.close()


def ended(status: int) -> int:
    """How the child ended: its exit code, or the signal that killed it, negated."""
    with open(status, "rb", buffering=0) as told:
        return int(struct.unpack(FORK_STATUS, told.read(struct.calcsize(FORK_STATUS)))[0])


def said(output: int) -> list[int]:
    """The number of the child and that of its process group."""
    with open(output, "rb") as lines:
        return [int(word) for word in lines.readline().split()]


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ("pass", 0),
        ("os._exit(7)", 7),
        ("raise ValueError", 1),
        ("sys.exit(3)", 1),
        ("os.kill(os.getpid(), signal.SIGSEGV)", -signal.SIGSEGV),
    ],
)
def test_it_tells_how_a_child_ended(server: Server, request_: str, code: int) -> None:
    pid, output, status = server.fork(request_)
    assert said(output)[0] == pid
    assert ended(status) == code


def test_a_child_leads_a_group_of_its_own(server: Server) -> None:
    pid, output, status = server.fork("time.sleep(600)")
    assert said(output) == [pid, pid]
    assert pid != os.getpgid(server.process.pid)
    os.killpg(pid, signal.SIGKILL)
    assert ended(status) == -signal.SIGKILL
    assert server.process.poll() is None, "the group was the child's alone"


def test_children_end_in_any_order(server: Server) -> None:
    lasting, *_, lasting_end = server.fork("time.sleep(600)")
    _, _, status = server.fork("os._exit(5)")
    assert ended(status) == 5
    os.kill(lasting, signal.SIGTERM)
    assert ended(lasting_end) == -signal.SIGTERM


def test_a_process_with_another_thread_is_not_forked(server: Server) -> None:
    assert server.fork("threads")[0] == 0
    assert server.fork("pass")[0] == 0


def test_a_process_that_has_opened_cuda_is_not_forked(tmp_path: Path) -> None:
    server = Server(tmp_path / "log", cuda=True)
    try:
        assert server.fork("pass")[0] == 0
    finally:
        server.close()


def test_it_ends_with_its_parent(server: Server) -> None:
    assert server.fork("pass")[0]
    server._socket.close()
    assert server.process.wait(60) == 0


@pytest.mark.parametrize("gpu", ["/dev/nvidiactl", "/dev/nvidia0", "/dev/nvidia-uvm", "/dev/kfd"])
def test_a_process_that_holds_a_gpu_open_is_not_forked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpu: str
) -> None:
    monkeypatch.setattr(forks, "_DESCRIPTORS", str(tmp_path))
    (tmp_path / "0").symlink_to("/dev/null")
    (tmp_path / "1").write_text("no link, as one that was closed meanwhile")
    assert not forks._holds_gpu()
    (tmp_path / "3").symlink_to(gpu)
    assert forks._holds_gpu()
