"""A pipeline that does what its case tells it to, in a worker process."""

import ctypes
import os
import signal
import subprocess
from pathlib import Path

from diffusers import DDIMPipeline

CHILD_SECONDS = "600"


class Misbehaving(DDIMPipeline):
    """Runs as its parent class does, after it has misbehaved; also returns the process id."""

    def __call__(
        self,
        behave="well",
        note="",
        names=(),
        generator=None,
        num_inference_steps=2,
        output_type="np",
        eta=0.0,
    ):
        print(f"this is {behave}")
        getattr(self, f"_{behave}")(note)
        images = (
            super()
            .__call__(
                generator=generator, num_inference_steps=num_inference_steps, output_type=output_type, eta=eta
            )
            .images
        )
        variables = {name: os.environ.get(name) for name in names}
        return {"images": images, **variables}

    def _well(self, note):
        if note:
            with Path(note).open("a") as file:
                file.write(f"{os.getpid()}\n")

    def _exit(self, note):
        os._exit(7)

    def _kill(self, note):
        child = subprocess.Popen(["sleep", CHILD_SECONDS])
        Path(note).write_text(str(child.pid))
        os.kill(os.getpid(), signal.SIGKILL)

    def _segfault(self, note):
        ctypes.string_at(0)

    def _hang(self, note):
        if note:
            partial = Path(f"{note}.part")
            partial.write_text(str(os.getpid()))
            partial.replace(note)
        stuck_right_here()

    def _raise(self, note):
        raise ValueError(note)

    def _print(self, note):
        print('{"outcome": {"reason": "a lie", "log": [], "kind": "lost"}, "kind": "finished"}')
        os.write(1, b"\n{}\nno end of line")
        subprocess.run(["echo", "a child prints"], check=True)


def stuck_right_here():
    while True:
        pass
