"""The embeddings of pictures, and the scheduler that diffuses them."""

import pytest
import torch

from harness.zoo.train import data
from harness.zoo.train.unclip import prior


@pytest.fixture(scope="module")
def embeddings() -> prior.ImageEmbeddings:
    return prior.image_embeddings()


def test_there_is_one_for_each_picture(embeddings: prior.ImageEmbeddings) -> None:
    assert embeddings.raw.shape == (1797, 48)
    assert embeddings.mean.shape == embeddings.std.shape == (1, 48)


def test_components_are_uncorrelated_and_the_leading_ones_come_first(
    embeddings: prior.ImageEmbeddings,
) -> None:
    correlation = torch.corrcoef(embeddings.raw[:, :20].T)
    assert (correlation - torch.eye(20)).abs().max() < 1e-3
    deviation = embeddings.raw.std(0)
    assert torch.equal(deviation[:20], deviation[:20].sort(descending=True).values)


def test_half_whitened_they_are_of_unit_size_and_keep_their_order(
    embeddings: prior.ImageEmbeddings,
) -> None:
    normalised = embeddings.normalised
    assert normalised.mean(0).abs().max() < 1e-4
    assert normalised.square().mean().sqrt().item() == pytest.approx(1, abs=0.01)
    assert torch.allclose(normalised * embeddings.std + embeddings.mean, embeddings.raw, atol=1e-4)
    # Divided by the root of the deviation, what was four times as wide is twice as wide.
    wide, narrow = embeddings.raw.std(0)[[0, 10]]
    halves = normalised.std(0)[[0, 10]]
    assert halves[0] / halves[1] == pytest.approx(((wide / narrow) ** 0.5).item(), rel=1e-3)
    assert prior.scheduler().config.clip_sample_range == 5
    assert (normalised.abs() < 5).float().mean() > 0.999


def test_pictures_of_one_digit_lie_together(embeddings: prior.ImageEmbeddings) -> None:
    labels = data.digit_labels()
    centres = torch.stack([embeddings.raw[labels == digit].mean(0) for digit in range(10)])
    nearest = torch.cdist(embeddings.raw, centres).argmin(1)
    assert (nearest == labels).float().mean() > 0.8


def test_the_scheduler_predicts_clean_embeddings() -> None:
    assert prior.scheduler().config.prediction_type == "sample"
    assert prior.scheduler().config.variance_type == "fixed_small_log"
