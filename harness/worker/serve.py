"""The worker's life: take over the pipe, import torch, serve jobs until the parent closes it."""

from __future__ import annotations

import faulthandler
import warnings

from harness.core.case import Determinism
from harness.core.messages import Finished, Ready
from harness.worker.channel import Channel


def main(device_name: str) -> None:
    """Serve jobs on the named device."""
    # The log then ends with the Python stack of a crash inside native code, or of a run that hung.
    faulthandler.enable()
    warnings.simplefilter("default")
    channel = Channel()

    from harness.worker import determinism, devices, fingerprint

    determinism.set_interop_threads()
    try:
        device = devices.choose(device_name)
    except devices.DeviceUnavailable as error:
        _refuse_all(channel, str(error))
        return
    determinism.apply(Determinism(), determinism.thread_count(Determinism()))
    channel.send(Ready(fingerprint.environment(device, determinism.read_back())))

    from harness.worker.execute import Executor
    from harness.worker.progress import draw_no_bars

    draw_no_bars()

    executor = Executor(device, channel.send)
    for job in channel.jobs():
        outcome = executor.run(job)
        channel.send(Finished(outcome, spent=executor.spent))


def _refuse_all(channel: Channel, reason: str) -> None:
    from harness.core.capture import Unavailable

    channel.send(Ready(None, reason))
    for _job in channel.jobs():
        channel.send(Finished(Unavailable(reason)))
