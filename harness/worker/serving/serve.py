"""The worker's life: take over the pipe, import what jobs need, serve them until the parent closes it."""

from __future__ import annotations

import faulthandler
import gc
import warnings
from typing import TYPE_CHECKING

from harness.core.capture import ProcessKind, Unavailable
from harness.core.case import Determinism
from harness.core.messages import Finished, Ready
from harness.worker.environment.numpy_start import spare_numpy
from harness.worker.environment.startup import bring_in, hindered
from harness.worker.serving.channel import Channel

if TYPE_CHECKING:
    from harness.worker.execute import JobRunner


def main(device_name: str, process: ProcessKind = "spawned") -> None:
    """Serve jobs on the named device; captures store in `process` how this process was started."""
    # Writes the Python stack to the log if native code crashes or a run hangs.
    faulthandler.enable()
    warnings.simplefilter("default")
    spare_numpy()
    channel = Channel()
    try:
        ready, runner = _started(device_name, channel, process)
    except (Exception, SystemExit) as error:
        channel.send(hindered(error))
        return
    channel.send(ready)
    for job in channel.jobs():
        if runner is None:
            channel.send(Finished(Unavailable(ready.reason)))
            continue
        outcome = runner.run(job)
        channel.send(Finished(outcome, spent=runner.spent))


def _started(device_name: str, channel: Channel, process: ProcessKind) -> tuple[Ready, JobRunner | None]:
    """The message for the parent, and the runner of jobs; None if the device is not available."""
    bring_in("torch")
    from harness.worker.environment import determinism, devices, fingerprint
    from harness.worker.portable import proof

    determinism.set_interop_threads()
    try:
        device = devices.choose(device_name)
    except devices.DeviceUnavailable as error:
        return Ready(None, str(error)), None
    determinism.apply(Determinism(), determinism.thread_count(Determinism()))
    proof.establish(fingerprint.environment(device, determinism.read_back()))
    environment = fingerprint.environment(device, determinism.read_back())
    bring_in("transformers")
    bring_in("diffusers")

    from harness.worker.execute import JobRunner
    from harness.worker.progress import draw_no_bars

    draw_no_bars()
    gc.freeze()  # nothing of what was imported is garbage; each look at all of it takes a third of a second
    ready = Ready(environment, remembered=proof.current().remembered)
    return ready, JobRunner(device, channel.send, process)
