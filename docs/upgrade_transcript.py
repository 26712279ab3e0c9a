"""Make the transcripts of docs/upgrade.md: an upgrade is judged, and a regression is blamed, with real releases.

The cases are Stable Diffusion 3 without its third text encoder, with random weights, and two that ship. It needs the
package index; the first run makes a dozen environments in the user's cache.

    python docs/upgrade_transcript.py
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from blocks import replace_block

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/upgrade.md"
sys.path.insert(0, str(ROOT))

from tests.support.tiny.project import config_of  # noqa: E402
from tests.support.tiny.registry import build_folder, tiny_named  # noqa: E402

SHIPPED = ("ddim/cpu-generator", "sd/ddim-latents")

JUDGED = (
    "harness verify ddim/cpu-generator sd/ddim-latents --with diffusers==0.41.0",
    "harness verify ddim/cpu-generator sd/ddim-latents --with diffusers==0.41.0 --or-with diffusers==0.34.0",
)
BLAMED = ("harness blame sd3/t2i --good diffusers==0.35.2 --bad diffusers==0.36.0",)


def main() -> None:
    """Run the commands in a project of their own, and put what they print into the page."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project(folder)
        for title, commands in (("judged", JUDGED), ("blamed", BLAMED)):
            replace_block(PAGE, title, "\n\n".join(transcript(one, folder) for one in commands))


def project(folder: Path) -> None:
    """Two shipped cases with their goldens, and a case that a release changed."""
    for case in SHIPPED:
        (folder / "configs" / case).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / f"configs/{case}.yaml", folder / f"configs/{case}.yaml")
        shutil.copytree(ROOT / "goldens" / case, folder / "goldens" / case)
    entry = tiny_named("StableDiffusion3Pipeline")
    build_folder(entry, folder / "models/sd3")
    config = config_of(entry, "../../models/sd3")
    config["model"]["components"] = {"text_encoder_3": None, "tokenizer_3": None}
    (folder / "configs/sd3").mkdir()
    (folder / "configs/sd3/t2i.yaml").write_text(yaml.safe_dump(config, sort_keys=False))


def transcript(command: str, folder: Path) -> str:
    """The command and what it printed, without the lines that only show that it is still running."""
    done = subprocess.run(
        [sys.executable, "-m", *shlex.split(command)],
        cwd=folder,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if not line.startswith("still running:")]
    return "\n".join([f"$ {command}", *lines])


if __name__ == "__main__":
    main()
