from __future__ import annotations

import contextlib

import torch

from tests.worker.perturb.planting import ddim, planted

SAMPLE = torch.linspace(2, -2, 256).reshape(1, 1, 16, 16)


def predicted() -> torch.Tensor:
    with torch.no_grad():
        return ddim().unet(SAMPLE, 500).sample


def test_train_mode() -> None:
    modules = list(ddim().unet.modules())
    with planted(ddim(), "structure.train_mode") as perturbed:
        assert all(one.training for one in modules)
        assert perturbed.acted == len(modules)
    assert not any(one.training for one in modules)


def test_dropout_drops_a_tenth_of_one_modules_output() -> None:
    ones = torch.ones(1000, 10)
    dropouts = [one for one in ddim().unet.modules() if isinstance(one, torch.nn.Dropout)]
    state = torch.get_rng_state()
    with planted(ddim(), "structure.dropout"):
        outputs = [one(ones) for one in dropouts]
    [dropped] = [out for out in outputs if not torch.equal(out, ones)]
    assert 0.85 < float((dropped > 0).float().mean()) < 0.95
    assert set(dropped.unique().tolist()) == {0.0, float(torch.tensor(1.0) / 0.9)}
    assert torch.equal(torch.get_rng_state(), state)


def test_layer_order() -> None:
    """Two blocks with each other's weights: the pair that the fault takes is found by trying."""
    right = predicted()
    with planted(ddim(), "structure.layer_order") as perturbed:
        found = predicted()
        assert perturbed.acted == 2
    candidates = []
    for several in ddim().unet.modules():
        if isinstance(several, torch.nn.ModuleList):
            for place in range(len(several) - 1):
                first, second = several[place], several[place + 1]
                several[place], several[place + 1] = second, first
                with contextlib.suppress(RuntimeError, TypeError, AttributeError, ValueError):
                    candidates.append(predicted())
                several[place], several[place + 1] = first, second
    assert any(torch.equal(found, one) for one in candidates)
    assert torch.equal(predicted(), right)


def test_blocks() -> None:
    right = predicted()
    block = torch.nn.Identity()
    for name in ("module_skipped", "module_repeated"):
        with planted(ddim(), f"structure.{name}") as perturbed:
            [block] = [
                one for one in ddim().unet.modules() if "forward" in vars(one) and one is not ddim().unet
            ]
            given = torch.ones(1, block.in_channels, 4, 4)
            embedding = torch.ones(1, block.time_emb_proj.in_features)
            found = block(given, embedding)
            assert perturbed.acted == 1
        with torch.no_grad():
            once = block(given, embedding)
            expected = given if name == "module_skipped" else block(once, embedding)
        assert torch.equal(found, expected)
    assert torch.equal(predicted(), right)
