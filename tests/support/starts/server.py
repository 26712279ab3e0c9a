"""`python -m tests.support.starts.server ADDRESS SESSION`: import what workers need, fork what commands ask for.

Every command that connects gets a fork of this process, and from that its workers, so that what served a command ends
with it. The server itself ends soon after the session's process.
"""

from __future__ import annotations

import json
import os
import runpy
import select
import shutil
import socket
import sys
import traceback
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from harness.core.portable.switches import NUMPY_VARIABLE
from harness.worker.environment.numpy_start import spare_numpy
from harness.worker.environment.startup import bring_in
from harness.worker.serving.forks import Forker, done_once
from tests.support.starts.client import bring_in_sites, own_places

_LOOK_SECONDS = 2.0
_AT_A_TIME = 64


def main(address: Path, session: int) -> None:
    """Serve commands until the process of the session is gone."""
    warnings.simplefilter("default")
    spare_numpy()
    for package in ("torch", "transformers", "diffusers"):
        bring_in(package)
    import harness.worker.execute  # noqa: F401 - what every job imports

    done_once()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        # Bound under another name: a command that sees the address can connect.
        part = address.with_suffix(".part")
        listener.bind(str(part))
        listener.listen(_AT_A_TIME)
        part.rename(address)
        _serve(listener, address, session)


def _serve(listener: socket.socket, address: Path, session: int) -> None:
    while _lives(session):
        if select.select([listener], [], [], _LOOK_SECONDS)[0]:
            connection, _address = listener.accept()
            child = os.fork()
            if not child:
                _serve_command(listener, connection)
            connection.close()
            print(child, flush=True)  # into the server's log: who serves a command
        _reap()
    # The last to go takes the folder along.
    address.unlink(missing_ok=True)
    with suppress(OSError):
        if not [*address.parent.glob("????????????????")]:
            shutil.rmtree(address.parent)


def _lives(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


def _reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _serve_command(listener: socket.socket, connection: socket.socket) -> None:
    try:
        listener.close()
        Forker(connection, lambda _request: None, _be).run()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


def _be(request: bytes, kept: Sequence[int]) -> None:
    """Be what would have been started: a module run with arguments, an environment and a current folder."""
    asked = json.loads(request)
    environment = asked["environment"]
    if NUMPY_VARIABLE not in os.environ:
        environment.pop(NUMPY_VARIABLE, None)  # `spare_numpy` has begun this process again without it
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(asked["folder"])
    module, *words = asked["arguments"]
    if kept:
        words[-1] = str(kept[0])
    sys.argv, sys.orig_argv = [module, *words], [sys.executable, "-P", "-m", module, *words]
    places = own_places(environment)
    if places:
        from harness.worker.environment import fingerprint
        from harness.worker.state import code

        fingerprint.providers.cache_clear()  # these folders may hold distributions
        code.forget()  # what they hold may replace code
    bring_in_sites(places)
    runpy.run_module(module, run_name="__main__")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
