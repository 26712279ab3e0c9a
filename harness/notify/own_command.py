"""A command of the user's own, which gets the message as JSON on its standard input."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict, dataclass

from harness.core.nights.message import Message
from harness.notify.channel import Memory, NotSent
from harness.notify.retry import retried

TIMEOUT = 120.0
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class OwnCommand:
    """A program and its arguments; no shell reads them."""

    words: tuple[str, ...]
    stateful = False

    @property
    def name(self) -> str:
        """The program, without its arguments: they may hold a secret."""
        return f"command:{self.words[0]}"

    def send(self, message: Message, memory: Memory) -> None:  # noqa: ARG002 - Channel has it
        """Run the program, which has to end with 0; raises NotSent."""
        text = json.dumps({"schema": SCHEMA, **asdict(message)}).encode()
        retried(lambda: self._once(text))

    def _once(self, text: bytes) -> None:
        try:
            done = subprocess.run(
                self.words, input=text, stdout=subprocess.DEVNULL, timeout=TIMEOUT, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise NotSent(f"{self.name}: did not end within {TIMEOUT:.0f} s") from error
        except OSError as error:
            raise NotSent(f"{self.name}: cannot be started ({error.strerror})") from error
        if done.returncode:
            raise NotSent(f"{self.name}: ended with {done.returncode}", again=True)
