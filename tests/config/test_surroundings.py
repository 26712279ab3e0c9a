"""What a config names and must be there: input files and models."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.config.load import load_cases
from tests.config.folder import MINIMAL, only_case, problems, write


def test_input_files_must_lie_inside_the_configs(configs: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.png").write_bytes(b"x")
    (tmp_path / "configs-too").mkdir()
    (tmp_path / "configs-too" / "x.png").write_bytes(b"x")
    (configs / "link.png").symlink_to(tmp_path / "outside.png")
    (configs / "folder.png").mkdir()
    (configs / "circle.png").symlink_to("circle.png")
    names = [
        "../outside.png",
        "link.png",
        "../configs-too/x.png",
        str(tmp_path / "outside.png"),
        "folder.png",
    ]
    names += ["circle.png", "n" * 300 + ".png", "sub/../../outside.png"]
    write(
        configs,
        a=MINIMAL + "call:\n" + "".join(f"  x{i}: {{$file: {name}}}\n" for i, name in enumerate(names)),
    )
    outside = "lies outside of the configs folder; move the file inside"
    absent = "no such file; paths are relative to this config file"
    messages = [line.rpartition(": ")[2] for line in problems(configs)]
    assert messages == [
        outside,
        outside,
        outside,
        "expected a path relative to this file",
        absent,
        absent,
        absent,
        outside,
    ]


def test_an_input_file_beside_the_wrong_config_is_suggested(configs: Path) -> None:
    (configs / "seven.png").write_bytes(b"x")
    write(configs, sd__a=MINIMAL + "call: {image: {$file: seven.png}}")
    assert problems(configs) == [
        'configs/sd/a.yaml: call.image.$file = "seven.png": no such file; paths are relative to this config file; '
        "did you mean '../seven.png'?"
    ]


def test_a_link_to_an_input_inside_is_followed(configs: Path) -> None:
    (configs / "real.png").write_bytes(b"x")
    (configs / "link.png").symlink_to("real.png")
    write(configs, a=MINIMAL + "call: {image: {$file: link.png}}")
    [file] = only_case(configs).inputs
    assert (file.name, file.path) == ("link.png", str(configs.resolve() / "real.png"))


def test_a_changed_input_changes_the_digest(configs: Path) -> None:
    (configs / "x.png").write_bytes(b"1")
    write(configs, a=MINIMAL + "call: {image: {$file: x.png}}")
    before = only_case(configs).digest()
    (configs / "x.png").write_bytes(b"2")
    assert only_case(configs).digest() != before


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_input_that_cannot_be_read_is_a_problem(configs: Path) -> None:
    (configs / "x.png").write_bytes(b"1")
    (configs / "x.png").chmod(0)
    write(configs, a=MINIMAL + "call: {image: {$file: x.png}}")
    assert problems(configs) == [
        'configs/a.yaml: call.image.$file = "x.png": cannot be read (Permission denied); check the file'
    ]


@pytest.mark.parametrize(
    "model",
    ["builtin:sd-digits", "./model", "model", "../elsewhere/model", "org/name", "name", "org-1/na.me_2"],
)
def test_models_are_built_in_folders_or_hub_ids(configs: Path, tmp_path: Path, model: str) -> None:
    (tmp_path / "elsewhere" / "model").mkdir(parents=True)
    (configs / "model").mkdir()
    write(configs, a=f"pipeline: auto\nmodel: {{id: '{model}'}}\n")
    assert only_case(configs).model.id == model


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        ("./model", "is not there; expected a model's folder, relative to this file"),
        ("/nowhere/model", "is not there; expected a model's folder, relative to this file"),
        ("a.yaml", "is no folder; expected a model's folder, relative to this file"),
        (
            "a/b/c",
            "expected builtin:NAME, a hub id such as org/name, or a model's folder, relative to this file",
        ),
        (
            "https://huggingface.co/org/name",
            "expected builtin:NAME, a hub id such as org/name, or a model's folder, relative to this file",
        ),
        (
            "org/a..b",
            "expected builtin:NAME, a hub id such as org/name, or a model's folder, relative to this file",
        ),
        (
            "org/a--b",
            "expected builtin:NAME, a hub id such as org/name, or a model's folder, relative to this file",
        ),
        (
            "org/..",
            "expected builtin:NAME, a hub id such as org/name, or a model's folder, relative to this file",
        ),
        (
            "builtin:digits",
            "no built-in model of this name; did you mean 'builtin:sd-digits'? "
            "accepted: builtin:ddpm-digits, builtin:sd-digits, builtin:unclip-digits",
        ),
    ],
)
def test_other_models_are_refused(configs: Path, model: str, problem: str) -> None:
    write(configs, a=f"pipeline: auto\nmodel: {{id: '{model}'}}\n")
    assert problems(configs) == [f'configs/a.yaml: model.id = "{model}": {problem}']


@pytest.mark.parametrize("model", ["builtin:sd-digits", "./"])
def test_only_hub_ids_have_revisions(configs: Path, model: str) -> None:
    write(configs, a=f"pipeline: auto\nmodel: {{id: '{model}', revision: main}}\n")
    assert problems(configs) == [
        'configs/a.yaml: model.revision = "main": only a hub id has revisions; leave it out'
    ]


def test_a_floating_revision_is_a_warning_once_per_file(configs: Path) -> None:
    hub = "pipeline: auto\nmodel: {id: org/name, revision: %s}\n"
    write(
        configs,
        a=hub % "null" + "matrix: {seed: [0, 1]}",
        b=hub % "main",
        c=hub % ("'" + "0123456789" * 4 + "'"),
        d=hub % ("'" + "ABCDEF0123" * 4 + "'"),
        e=MINIMAL,
    )
    advice = "floats, so the model may change under the golden; pin a commit sha of 40 hex digits"
    assert load_cases(configs).warnings == (
        f"configs/a.yaml: model.revision = null: {advice}",
        f'configs/b.yaml: model.revision = "main": {advice}',
        f'configs/d.yaml: model.revision = "{"ABCDEF0123" * 4}": {advice}',
    )
