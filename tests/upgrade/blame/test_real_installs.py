"""Blame over real releases of diffusers and transformers, from the package index that pip is configured with."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from safetensors.numpy import load_file, save_file

from harness.codec import to_json
from harness.golden.header import read_document
from harness.upgrade.index import configured
from harness.upgrade.releases import NoReleases, Releases
from tests.support.tiny.project import config_of
from tests.support.tiny.registry import build_folder, tiny_named

UV = os.environ.get("UV") or shutil.which("uv")

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(UV is None, reason="uv is not here, and pip copies gigabytes for these environments"),
]

SECONDS = 1800

GOOD = ("diffusers==0.35.2", "transformers==5.0.0")
BAD = ("diffusers==0.37.0", "transformers==5.1.0")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with Stable Diffusion 3 without its third text encoder, whose prompts 0.36.0 made longer."""
    try:
        Releases(configured()).of("diffusers")
    except NoReleases as error:
        pytest.skip(f"the package index does not answer: {error}")
    root = tmp_path_factory.mktemp("project")
    entry = tiny_named("StableDiffusion3Pipeline")
    build_folder(entry, root / "models/sd3")
    config = config_of(entry, "../../models/sd3")
    config["model"]["components"] = {"text_encoder_3": None, "tokenizer_3": None}
    (root / "configs/sd3").mkdir(parents=True)
    (root / "goldens").mkdir()
    (root / "configs/sd3/t2i.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return root


def environment(folder: Path) -> Mapping[str, str]:
    return {**os.environ, "HARNESS_CACHE": str(folder / "cache"), "HF_HUB_OFFLINE": "1"}


def harness(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "harness", *words],
        cwd=folder, env=environment(folder), capture_output=True, text=True, check=False, timeout=SECONDS,
    )  # fmt: skip


def blamed(folder: Path, *words: str) -> tuple[int, dict[str, Any], str]:
    """The exit code, the blame of the only case, and everything that was printed."""
    done = harness(folder, "blame", "sd3/t2i", *words, "--json", "blame.json")
    (found,) = json.loads((folder / "blame.json").read_text())["blames"]
    return done.returncode, found, done.stdout + done.stderr


def runs(folder: Path) -> Mapping[str, int]:
    """The runs that are kept, each with the inode of its outcome: one that is done again has another."""
    return {one.parent.name: one.stat().st_ino for one in (folder / "cache/runs").glob("*/outcome.json")}


def kill_after(folder: Path, count: int, words: Sequence[str]) -> None:
    """Start a search and kill it, with all that it started, as soon as so many runs are kept."""
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", *words],
        cwd=folder, env=environment(folder), stdout=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    end = time.monotonic() + SECONDS
    while len(runs(folder)) < count and time.monotonic() < end and process.poll() is None:
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert len(runs(folder)) >= count


def test_the_right_releases_are_blamed_also_after_a_kill_in_the_middle(folder: Path) -> None:
    words = ["--good", *GOOD, "--bad", *BAD]
    kill_after(folder, 3, ["blame", "sd3/t2i", *words])
    kept = runs(folder)

    code, found, printed = blamed(folder, *words)
    assert code == 0, printed
    assert found["outcome"] == "blamed"
    (change,) = found["changes"]
    assert (change["package"], change["from"], change["to"]) == ("diffusers", "0.35.2", "0.36.0")
    assert (change["kind"], change["stage"]) == ("behaviour", "text_encoding")
    assert found["confirmed"]
    moved = len(found["moved"])
    # By day there are at most three sets of versions, and diffusers has two releases on the way.
    assert found["runs"] <= 4 + (1 + 2) + (math.ceil(math.log2(moved + 1)) + 2) * 2 + (1 + 2)
    assert {name: runs(folder)[name] for name in kept} == kept


def test_the_other_library_alone_changes_nothing(folder: Path) -> None:
    code, found, printed = blamed(folder, "--good", "transformers==5.0.0", "--bad", "transformers==5.1.0")
    assert (code, found["outcome"]) == (1, "not-reproduced"), printed


def test_a_config_of_ones_own_is_the_change(folder: Path) -> None:
    assert harness(folder, "record").returncode == 0
    config = folder / "configs/sd3/t2i.yaml"
    text = config.read_text()
    try:
        config.write_text(text.replace("guidance_scale: 5.0", "guidance_scale: 4.0"))
        code, found, _ = blamed(folder)
    finally:
        config.write_text(text)
    assert (code, found["outcome"]) == (0, "own-change")
    assert "definition.call.guidance_scale 5.0 → 4.0" in found["sentence"]


def test_a_golden_that_its_own_versions_do_not_give_is_not_reproduced(folder: Path) -> None:
    """A golden that says that it is of 0.41.0, with an output that no version gives."""
    assert harness(folder, "record").returncode == 0
    (golden,) = (folder / "goldens/sd3/t2i").glob("*.safetensors")
    forge(golden)
    code, found, printed = blamed(folder)
    assert (code, found["outcome"]) == (1, "not-reproduced"), printed
    assert "differs under the good versions as well" in found["sentence"]


def forge(golden: Path) -> None:
    """Let a golden say that it is of another diffusers, and give it another output."""
    document, tensors = read_document(golden), dict(load_file(golden))
    tensors["output/images"] = tensors["output/images"] + 0.25
    digest = hashlib.sha256(tensors["output/images"].tobytes()).hexdigest()
    software = document.environment.software
    old = dataclasses.replace(software, packages={**software.packages, "diffusers": "0.41.0"})
    forged = dataclasses.replace(
        document,
        environment=dataclasses.replace(document.environment, software=old),
        sha256={**document.sha256, "output/images": digest},
    )
    save_file(tensors, golden, metadata={"harness": to_json(forged)})
