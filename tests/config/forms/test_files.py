"""`$file`: the paths it accepts, and the reason for each that it refuses."""

from __future__ import annotations

import pytest

from harness.config.forms.files import FILE, SUFFIXES, is_file


def complaint(argument: object) -> str:
    [problem] = FILE.check("call.x.$file", argument)
    assert problem.key == "call.x.$file"
    return problem.message


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_accepted_suffix_is_a_file(suffix: str) -> None:
    assert is_file(f"inputs/a{suffix}")
    assert list(FILE.check("x", f"a.b{suffix}")) == []
    assert not is_file(suffix)


def test_only_safetensors_takes_a_key() -> None:
    assert is_file("a.safetensors#unet/key.with#all")
    assert not is_file("a.safetensors#")
    assert complaint("a.txt#1") == "expected a path; only .safetensors takes a #key after it"
    assert complaint("a.exe#1") == "expected a path; only .safetensors takes a #key after it"


PICKLE = (
    "a pickle can run any code when it is read; if you trust it, convert it, for tensors with "
    'safetensors.torch.save_file(torch.load(FILE, weights_only=True), "FILE.safetensors"), for arrays with numpy.save'
)


@pytest.mark.parametrize(
    "name", ["a.pt", "a.pth", "a.bin", "a.ckpt", "a.pkl", "a.pickle", "a.PT", "a.pt#key"]
)
def test_pickles_are_refused_with_the_way_to_convert_them(name: str) -> None:
    assert complaint(name) == PICKLE


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "a.mp3",
            "this audio format is not supported; convert it to .wav, for example with `ffmpeg -i FILE FILE.wav`",
        ),
        (
            "a.flac",
            "this audio format is not supported; convert it to .wav, for example with `ffmpeg -i FILE FILE.wav`",
        ),
        (
            "a.mov",
            "this video format is not supported; convert it to .mp4, for example with `ffmpeg -i FILE FILE.mp4`",
        ),
        ("a.npz", "archives of arrays are not supported; save each array as .npy with numpy.save"),
        ("a.json", "write its values into this file"),
    ],
)
def test_other_formats_are_refused_with_what_to_do(name: str, message: str) -> None:
    assert complaint(name) == message


@pytest.mark.parametrize("argument", ["a.exe", "png", "", 3, None, ["a.png"], "folder/.png", "a.PNG"])
def test_what_is_no_input_file_gets_the_accepted_suffixes(argument: object) -> None:
    assert complaint(argument) == (
        "expected a path that ends in .png, .jpg, .jpeg, .webp, .bmp, .tif, .tiff, .npy, .safetensors, .wav, .mp4, "
        ".gif, .txt (.safetensors also with #key)"
    )
