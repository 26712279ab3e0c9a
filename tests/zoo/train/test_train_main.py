"""The command that retrains the models: its names, its errors, and one target trained for real."""

from pathlib import Path

import pytest

from harness import zoo
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
def test_retraining_the_classifier_reads_as_many_digits(tmp_path: Path) -> None:
    assert command.main(["digit-classifier", "--out", str(tmp_path)]) == 0
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["digit-classifier.safetensors", "zoo.lock.json"]
