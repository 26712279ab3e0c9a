"""A file that a config adds to its model was changed after recording: the case is stale, and the file is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from harness.cli import main
from tests.support.ip_adapter import write_ip_adapter, write_lora
from tests.support.starts.in_process import forking

HEAD = "pipeline: StableDiffusionPipeline\nmodel: {id: 'builtin:sd-digits'}\nsteps: 2\ntrace: components\n"
PICTURE = (
    "call: {prompt: a seven, output_type: latent, ip_adapter_image: {$gradient: {shape: [32, 32, 3]}}}\n"
)

CASES = {
    "added": HEAD + PICTURE + "adapters: [{id: ./loras, scale: 1.0e-5}]\n"
    "embeddings: [{id: words/toy.safetensors, token: <toy>}]\n"
    "ip_adapters: [{id: ./ip, subfolder: models, scale: 1.0e-6}]\n",
    "before": HEAD + PICTURE + "before:\n  - method: load_ip_adapter\n    call: "
    "{pretrained_model_name_or_path_or_dict: ./ip, subfolder: models, weight_name: ip-adapter.safetensors}\n",
}
IP = "ip/models/ip-adapter.safetensors"
NAMED = {
    "added": (
        "adapters[0]: ./loras/style.safetensors",
        "embeddings[0]: words/toy.safetensors",
        f"ip_adapters[0]: ./{IP}",
    ),
    "before": (f"before[0].call.pretrained_model_name_or_path_or_dict: ./{IP}",),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recorded cases with files beside their model."""
    pytest.importorskip("peft", reason="LoRA needs peft")
    root = tmp_path_factory.mktemp("project")
    configs = root / "configs"
    configs.mkdir()
    write_ip_adapter(configs / "ip")
    write_lora(configs / "loras" / "style.safetensors")
    (configs / "words").mkdir()
    save_file({"emb_params": np.full((1, 48), 0.1, np.float32)}, configs / "words/toy.safetensors")
    for name, text in CASES.items():
        (configs / f"{name}.yaml").write_text(text)
    assert run(root, "verify", "--allow-missing") == 0
    assert run(root, "accept") == 0
    return root


def run(root: Path, command: str, *more: str, configs: Path | None = None) -> int:
    folders = {"--configs": configs or root / "configs", "--goldens": root / "goldens", "--out": root / "out"}
    with forking():
        return main([command, *more, *(str(part) for pair in folders.items() for part in pair)])


def verified(root: Path, configs: Path | None = None) -> dict[str, tuple[str, str]]:
    run(root, "verify", "--json", str(root / "report.json"), configs=configs)
    report = json.loads((root / "report.json").read_text())
    return {one["case"]: (one["verdict"], one["reason"]) for one in report["cases"]}


def test_a_changed_file_is_stale_and_named_wherever_the_folder_lies(project: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(project / "configs", tmp_path / "moved" / "configs"))
    for path in (moved / IP, moved / "words/toy.safetensors"):
        tensors = load_file(path)
        tensors[min(tensors)] += np.float32(1e-7)
        save_file(tensors, path)
    write_lora(moved / "loras/style.safetensors", seed=1)
    found = verified(project, moved)
    assert {case: verdict for case, (verdict, _) in found.items()} == dict.fromkeys(CASES, "stale")
    for case, named in NAMED.items():
        changes = found[case][1].split("; ")
        assert [one.partition(": sha256 ")[0] for one in changes] == list(named), changes

    # The same files elsewhere are the same files.
    again = verified(project, Path(shutil.copytree(project / "configs", tmp_path / "again" / "configs")))
    assert {case: verdict for case, (verdict, _) in again.items()} == dict.fromkeys(CASES, "identical")


def test_the_digest_is_that_of_the_file_and_both_ways_to_an_ip_adapter_give_the_same_file(
    project: Path,
) -> None:
    from hashlib import sha256

    expected = sha256((project / "configs" / IP).read_bytes()).hexdigest()
    for case, named in NAMED.items():
        with safe_open(project / "goldens" / case / "cpu-x86_64.safetensors", framework="numpy") as file:
            files = json.loads(file.metadata()["harness"])["files"]
        assert files[named[-1]] == {"sha256": expected, "commit": None}
        encoder = {name.rpartition("/")[2] for name in files if "/image_encoder/" in name}
        assert encoder == {"config.json", "model.safetensors"}
