"""The command that retrains the models: its names, its errors, and one target trained for real."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from harness import zoo
from harness.zoo.digit_classifier import WEIGHTS
from harness.zoo.train import __main__ as command


def test_targets_are_the_models_and_the_classifier() -> None:
    assert set(command.TARGETS) == {*zoo.names(), "digit-classifier"}


def test_unknown_names_are_listed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as raised:
        command.main(["sd-letters", "ddpm-digits", "x", "--out", str(tmp_path)])
    assert raised.value.code == 2
    assert "sd-letters, x: cannot be trained; name any of ddpm-digits," in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_retrained_classifier_is_about_the_committed_one(tmp_path: Path) -> None:
    assert command.main(["digit-classifier", "--out", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "digit-classifier.safetensors",
        "zoo.lock.json",
    ]
    committed, trained = load_file(WEIGHTS), load_file(tmp_path / WEIGHTS.name)
    assert set(committed) == set(trained)
    for name, weight in committed.items():
        assert np.abs(weight - trained[name]).max() < 0.05
