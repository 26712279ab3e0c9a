"""The pipe carries jobs and replies and nothing else, whatever the process prints or reads."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from harness.codec import from_json, to_json
from harness.core.messages import Job, Progress, Reply
from tests.core.samples import case

PRELUDE = """
import os, select, subprocess, sys
print("printed before", end="")
from harness.worker.serving.channel import Channel
from harness.core.messages import Progress
channel = Channel()
print("printed")
os.write(1, b"written\\n")
os.system("echo by a child")
print("a child reads:", subprocess.run(["cat"], stdout=subprocess.PIPE, timeout=10).stdout)
print("read:", select.select([0], [], [], 10)[0] and sys.stdin.readline(), flush=True)
channel.send(Progress("up", 0, 0))
"""

ECHO = """
for job in channel.jobs():
    channel.send(Progress(job.case.id, 1, 2))
"""

BUSY = """
for job in channel.jobs():
    channel.send(Progress("busy", 1, 2))
    while True:
        pass
"""

FLOOD = """
for job in channel.jobs():
    while True:
        channel.send(Progress("flood", 1, 2))
"""


def start(script: str) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", PRELUDE + script], stdin=pipe, stdout=pipe, stderr=pipe)


@pytest.fixture
def process(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[bytes]]:
    with start(request.param) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == b"printed before\n"
        try:
            yield started
        finally:
            started.kill()


def hear(process: subprocess.Popen[bytes]) -> Reply:
    assert process.stdout is not None
    return from_json(Reply, process.stdout.readline())  # type: ignore[arg-type]


def tell(process: subprocess.Popen[bytes], name: str) -> None:
    assert process.stdin is not None
    process.stdin.write(to_json(Job(case(id=name), "c")).encode() + b"\n")
    process.stdin.flush()


@pytest.mark.parametrize("process", [ECHO], indirect=True)
def test_jobs_come_in_replies_go_out_and_the_rest_lands_in_the_log(process: subprocess.Popen[bytes]) -> None:
    assert hear(process) == Progress("up", 0, 0)
    for name in ("a", "b"):
        tell(process, name)
        assert hear(process) == Progress(name, 1, 2)
    rest, log = process.communicate()
    assert (rest, process.returncode) == (b"", 0)
    assert sorted(log.decode().splitlines()) == [
        "a child reads: b''",
        "by a child",
        "printed",
        "read: ",
        "written",
    ]


@pytest.mark.parametrize("process", [BUSY], indirect=True)
def test_the_end_of_input_ends_the_process_in_the_middle_of_a_run(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    hear(process)
    tell(process, "a")
    assert hear(process) == Progress("busy", 1, 2)
    process.stdin.close()
    assert process.wait(timeout=60) == 0


@pytest.mark.parametrize("process", [FLOOD], indirect=True)
def test_a_parent_that_no_longer_listens_ends_the_process(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    hear(process)
    tell(process, "a")
    process.stdout.close()
    assert process.wait(timeout=60) == 0
