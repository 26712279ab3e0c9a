"""A hub on loopback, and processes that take models from it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load, save

from tests.support.hub_server import HubServer, Repository, files_of, hub

ROOT = Path(__file__).resolve().parents[2]
DDPM = ROOT / "harness" / "zoo" / "ddpm-digits"
UNET = "unet/diffusion_pytorch_model.safetensors"


class Client:
    """A process with its own huggingface_hub settings."""

    def __init__(self, **variables: str) -> None:
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("HF_", "TRANSFORMERS_"))
        }
        settings = {
            "PYTHONPATH": str(ROOT),
            "NO_PROXY": "127.0.0.1,localhost",
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("locate_jobs.py"))],
            env={**kept, **settings, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._pending = True

    def locate(self, model_id: str, **job: Any) -> dict[str, Any]:
        """What `models.locate` said of the model, and `models.load` with `load=True`."""
        assert self._process.stdin
        assert self._process.stdout
        if self._pending:
            assert self._process.stdout.readline() == "ready\n"
            self._pending = False
        self._process.stdin.write(json.dumps({"id": model_id, **job}) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


@dataclass(frozen=True)
class Hub:
    """The server, the cache folder, and a process with and one without a network over the same cache."""

    server: HubServer
    home: Path
    online: Client
    offline: Client

    def repository(self, name: str, files: dict[str, bytes] | None = None) -> Repository:
        """A repository with one commit: the built-in digits model unless `files` are given."""
        return self.server.repository(name, files_of(DDPM) if files is None else files)

    def blobs(self, name: str) -> list[Path]:
        """The files of a repository that the cache holds, half ones included."""
        return sorted((self.home / "hub" / f"models--{name.replace('/', '--')}" / "blobs").glob("*"))

    def fetched(self, name: str) -> set[str]:
        """The files of the repository that were asked for so far."""
        prefix = f"/{name}/resolve/"
        paths = (
            asked.path.removeprefix(prefix) for asked in self.server.asked if asked.path.startswith(prefix)
        )
        return {path.partition("/")[2] for path in paths}


@pytest.fixture(scope="session")
def a_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    home = tmp_path_factory.mktemp("hf")
    with hub() as server:
        # Two seconds are the least that a loaded machine may need for an answer that does come.
        shared = {"HF_HOME": str(home), "HF_ENDPOINT": server.url, "HF_HUB_ETAG_TIMEOUT": "3"}
        online, offline = Client(**shared), Client(**shared, HF_HUB_OFFLINE="1")
        try:
            yield Hub(server, home, online, offline)
        finally:
            online.close()
            offline.close()


def changed(content: bytes, factor: float = 2.0) -> bytes:
    """Safetensors weights with their first tensor multiplied."""
    tensors = load(content)
    name = sorted(tensors)[0]
    return save({**tensors, name: (tensors[name] * factor).astype(tensors[name].dtype)})


def halved(content: bytes) -> bytes:
    """Safetensors weights in half precision."""
    return save({name: tensor.astype("float16") for name, tensor in load(content).items()})
