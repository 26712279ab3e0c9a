"""Trains the bundled classifier: one hidden layer over 8x8 cells, with every fifth image held out."""

import logging
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from harness.zoo import digit_classifier
from harness.zoo.train import data, determinism
from harness.zoo.train.fit import Recipe, fit

RECIPE = Recipe(steps=3000, batch=128, learning_rate=3e-3, ema=0.995, weight_decay=0.1)
_HIDDEN = 64
_SIDES = (8, 16, 32)
_NOISE = 0.1

_log = logging.getLogger(__name__)


def train(file: Path, recipe: Recipe = RECIPE) -> None:
    """Train the classifier and write its weights to `file`."""
    generator = determinism.fix()
    learned = ~data.held_out()
    cells = torch.stack([_cells(side)[learned] for side in _SIDES])
    labels = data.digit_labels()[learned]
    network = nn.Sequential(nn.Linear(64, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, 10))

    def loss_of(chosen: Tensor) -> Tensor:
        sharpness = torch.randint(len(_SIDES), chosen.shape, generator=generator)
        noise = _NOISE * torch.randn((len(chosen), 64), generator=generator)
        return F.cross_entropy(
            network(cells[sharpness, chosen] + noise), labels[chosen], label_smoothing=0.05
        )

    loss = fit(network, loss_of, len(labels), recipe, generator)
    names = {"0": "hidden", "2": "scores"}
    save_file({names[key[0]] + key[1:]: value for key, value in network.state_dict().items()}, file)
    _log.info("digit classifier: loss %.4f", loss)


def _cells(side: int) -> Tensor:
    """Return the classifier's inputs for all digits enlarged to `side`, float32 (1797, 64)."""
    pictures = data.digit_images(side)[:, 0].numpy() / 2 + 0.5
    return torch.from_numpy(digit_classifier.features(pictures.astype(np.float32)))
