"""Training any of the models twice gives the same files, byte for byte; two steps per network show it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from harness import zoo
from harness.zoo.train import ddpm_digits, sd_digits, store
from harness.zoo.train.fit import Recipe
from harness.zoo.train.unclip import digits

SHORT = Recipe(steps=2, batch=4, learning_rate=1e-3, ema=0.9)

TRAINERS: dict[str, Callable[[Path], None]] = {
    "ddpm-digits": lambda folder: ddpm_digits.train(folder, SHORT),
    "sd-digits": lambda folder: sd_digits.train(folder, SHORT, SHORT, SHORT),
    "unclip-digits": lambda folder: digits.train(folder, digits.Recipes(SHORT, SHORT, SHORT, SHORT, SHORT)),
}


@pytest.fixture(autouse=True)
def torch_switches() -> Iterator[None]:
    """Training switches deterministic algorithms on for the whole process."""
    before, state = torch.are_deterministic_algorithms_enabled(), torch.get_rng_state()
    yield
    torch.use_deterministic_algorithms(before)
    torch.set_rng_state(state)


@pytest.mark.parametrize("name", list(TRAINERS))
def test_training_twice_gives_the_same_files(name: str, tmp_path: Path) -> None:
    for folder in ("first", "second"):
        TRAINERS[name](tmp_path / folder)
    first, second = (store.file_hashes(tmp_path / folder) for folder in ("first", "second"))
    assert first == second
    assert set(first) == set(zoo.locked_files()[name])


@pytest.mark.parametrize("name", list(TRAINERS))
def test_committed_configs_are_what_the_code_writes(name: str, tmp_path: Path) -> None:
    """Except for the VAE's scale, which is measured, and for keys that only one version of a library knows."""
    TRAINERS[name](tmp_path)
    for file in ("model_index.json", *(f.name + "/config.json" for f in tmp_path.iterdir() if f.is_dir())):
        if (tmp_path / file).exists():
            committed, written = (settings(folder / file) for folder in (zoo.model_dir(name), tmp_path))
            assert committed
            assert {key: written.get(key, value) for key, value in committed.items()} == committed


def settings(file: Path) -> dict[str, object]:
    """Return what `file` sets, without the version that wrote it and without the VAE's scale."""
    values: dict[str, object] = json.loads(file.read_text())
    return {k: v for k, v in values.items() if not k.endswith("_version") and k != "scaling_factor"}
