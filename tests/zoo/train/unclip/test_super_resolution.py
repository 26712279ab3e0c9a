"""Small pictures are enlarged as the pipeline does it, and the last network learns early timesteps alone."""

import pytest
import torch

from harness.zoo.train import data
from harness.zoo.train.fit import Recipe
from harness.zoo.train.unclip import super_resolution

SHORT = Recipe(steps=1, batch=4, learning_rate=1e-3, ema=0.9)


def test_enlarged_keeps_means_and_plain_areas() -> None:
    plain = torch.full((1, 3, 16, 16), 0.25)
    assert torch.allclose(super_resolution.enlarged(plain), torch.full((1, 3, 32, 32), 0.25), atol=1e-6)
    pictures = data.digit_images(16, channels=3)[:4]
    large = super_resolution.enlarged(pictures)
    assert large.shape == (4, 3, 32, 32)
    assert torch.allclose(large.mean((1, 2, 3)), pictures.mean((1, 2, 3)), atol=0.02)


def test_enlarged_is_cubic_as_the_pipeline_does_it() -> None:
    step = torch.zeros(1, 3, 16, 16)
    step[..., 8:] = 1.0
    row = super_resolution.enlarged(step)[0, 0, 0]
    assert row.min() < -0.01, "a cubic kernel overshoots, a linear one does not"
    assert row.max() > 1.01
    assert (row[16:] > 0.5).all()


@pytest.mark.parametrize("below", [None, 100])
def test_the_network_learns_the_timesteps_that_it_will_run(
    below: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, object] = {}

    def noised(
        clean: torch.Tensor, schedule: object, generator: torch.Generator, limit: int | None
    ) -> object:
        seen["limit"], seen["clean"] = limit, clean
        raise StopIteration

    monkeypatch.setattr(super_resolution, "noised", noised)
    with pytest.raises(StopIteration):
        super_resolution.trained_network(SHORT, torch.Generator().manual_seed(0), below)
    assert seen["limit"] == below
    assert isinstance(seen["clean"], torch.Tensor)
    assert seen["clean"].shape == (4, 3, 32, 32)


def test_the_scheduler_expects_clean_pictures() -> None:
    config = super_resolution.scheduler().config
    assert (config.variance_type, config.prediction_type) == ("fixed_small_log", "sample")
