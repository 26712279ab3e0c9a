"""Weights that a config names: what counts as a model, an adapter or an embedding, and why others are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.load import load_cases
from harness.config.weights import absent, named
from tests.config.folder import MINIMAL, only_case, problems, write


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
        (
            "a.yaml",
            "is neither a folder nor a .safetensors file; expected a model's folder or .safetensors file, "
            "relative to this file",
        ),
        (
            "https://huggingface.co/org/name",
            "expected builtin:NAME, a hub id such as org/name, or a model's folder or .safetensors file, "
            "relative to this file",
        ),
        (
            "org/a..b",
            "expected builtin:NAME, a hub id such as org/name, or a model's folder or .safetensors file, "
            "relative to this file",
        ),
        (
            "org/a--b",
            "expected builtin:NAME, a hub id such as org/name, or a model's folder or .safetensors file, "
            "relative to this file",
        ),
        (
            "org/..",
            "expected builtin:NAME, a hub id such as org/name, or a model's folder or .safetensors file, "
            "relative to this file",
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


@pytest.mark.parametrize(
    "model",
    [
        "./model",
        "../model",
        "/nowhere/model",
        "./sd.safetensors",
        "sd.safetensors",
        "org/sd.safetensors",
        "models/sd/v1",
        "models/sd/v1/",
    ],
)
def test_a_path_where_nothing_lies_is_no_problem_of_the_config(configs: Path, model: str) -> None:
    write(configs, a=f"pipeline: DDIMPipeline\nmodel: {{id: '{model}'}}\n")
    assert absent(only_case(configs)) == (model,)
    (configs / "model").mkdir()
    write(configs, a=MINIMAL + f"adapters: [{{id: '{model}'}}]\nembeddings: [{{id: ./model, token: x}}]\n")
    assert absent(only_case(configs)) == (() if model == "./model" else (model,))


@pytest.mark.parametrize("model", ["builtin:sd-digits", "./"])
def test_only_hub_ids_have_revisions(configs: Path, model: str) -> None:
    write(configs, a=f"pipeline: auto\nmodel: {{id: '{model}', revision: main}}\n")
    assert problems(configs) == [
        'configs/a.yaml: model.revision = "main": only a hub id has revisions; leave it out'
    ]


FLOATS = (
    "floats, so the model may change under the golden; pin a commit sha of 40 hex digits, "
    "or give the reason for not pinning it as `floating` next to it"
)


def warnings(configs: Path) -> list[str]:
    return [str(warning) for warning in load_cases(configs).warnings]


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
    assert warnings(configs) == [
        f"configs/a.yaml: model.revision = null: {FLOATS}",
        f'configs/b.yaml: model.revision = "main": {FLOATS}',
        f'configs/d.yaml: model.revision = "{"ABCDEF0123" * 4}": {FLOATS}',
    ]


def test_a_reason_accepts_a_floating_revision(configs: Path) -> None:
    write(
        configs,
        a="pipeline: auto\nmodel: {id: org/name, revision: main, floating: the newest is what we watch}\n"
        "adapters: [{id: a/b, floating: as above}]\nembeddings: [{id: a/c, token: x, floating: as above}]\n",
    )
    assert warnings(configs) == []
    assert only_case(configs).model.floating == "the newest is what we watch"


def test_the_reason_is_no_part_of_what_a_golden_remembers(configs: Path) -> None:
    hub = "pipeline: auto\nmodel: {id: org/name%s}\nadapters: [{id: a/b%s}]\nembeddings: [{id: a/c, token: x%s}]\n"
    write(configs, a=hub % ((", floating: because",) * 3), b=hub % (("",) * 3))
    with_reason, without = load_cases(configs).cases
    assert with_reason.digest() == without.digest()


@pytest.mark.parametrize(
    ("weights", "why"),
    [
        (f"id: org/name, revision: '{'0123456789' * 4}'", "this one is pinned"),
        ("id: 'builtin:sd-digits'", "only a hub id has revisions"),
        ("id: ./there", "only a hub id has revisions"),
        ("id: ./gone", "only a hub id has revisions"),
    ],
)
def test_a_reason_is_for_what_floats(configs: Path, weights: str, why: str) -> None:
    (configs / "there").mkdir()
    write(configs, a=f"pipeline: DDIMPipeline\nmodel: {{{weights}, floating: because}}\n")
    message = f"is for a revision that floats, and {why}; leave it out"
    assert problems(configs) == [f'configs/a.yaml: model.floating = "because": {message}']


@pytest.mark.parametrize("reason", ["''", "'  '", "[]", "true", "3"])
def test_a_reason_is_words(configs: Path, reason: str) -> None:
    write(configs, a=f"pipeline: auto\nmodel: {{id: org/name, floating: {reason}}}\n")
    [problem] = problems(configs)
    assert problem.startswith("configs/a.yaml: model.floating = ")
    assert problem.endswith(": expected a reason in words or null")


def test_a_single_safetensors_file_is_a_model(configs: Path, tmp_path: Path) -> None:
    (tmp_path / "sd.safetensors").write_bytes(b"x")
    write(configs, sd__a="pipeline: DDIMPipeline\nmodel: {id: ../../sd.safetensors}\n")
    assert only_case(configs).model.id == "../../sd.safetensors"


def test_a_single_file_needs_a_class_and_has_neither_variants_nor_revisions(configs: Path) -> None:
    (configs / "sd.safetensors").write_bytes(b"x")
    write(configs, a="pipeline: auto\nmodel: {id: sd.safetensors, variant: fp16, revision: main}\n")
    assert problems(configs) == [
        'configs/a.yaml: model.revision = "main": only a hub id has revisions; leave it out',
        'configs/a.yaml: pipeline = "auto": a single file does not name its pipeline; name a class',
        'configs/a.yaml: model.variant = "fp16": a single file has no variants; leave it out',
    ]


def test_a_single_file_that_is_not_there_is_no_hub_id(configs: Path) -> None:
    write(configs, a="pipeline: DDIMPipeline\nmodel: {id: org/sd.safetensors, revision: main}\n")
    assert problems(configs) == [
        'configs/a.yaml: model.revision = "main": only a hub id has revisions; leave it out',
    ]


@pytest.mark.parametrize("name", ["sd.ckpt", "./sd.bin", "org/sd.pt", "/x/sd.pth", "sd.pkl"])
@pytest.mark.parametrize("there", [True, False])
def test_pickled_models_are_refused_with_the_way_to_convert_them(
    configs: Path, name: str, there: bool
) -> None:
    if there:
        name = name.rpartition("/")[2]
        (configs / name).write_bytes(b"x")
    write(configs, a=f"pipeline: DDIMPipeline\nmodel: {{id: {name}}}\n")
    assert problems(configs) == [
        f'configs/a.yaml: model.id = "{name}": a pickle can run any code when it is read; if you trust it, '
        "convert it to .safetensors with PIPELINE.from_single_file(FILE).save_pretrained(FOLDER)"
    ]


def test_a_folder_may_have_any_name(configs: Path) -> None:
    (configs / "model.bin").mkdir()
    write(configs, a="pipeline: DDIMPipeline\nmodel: {id: model.bin}\n")
    assert only_case(configs).model.id == "model.bin"


def test_adapters_and_embeddings_are_hub_ids_folders_or_files(configs: Path) -> None:
    (configs / "style").mkdir()
    (configs / "style" / "a.safetensors").write_bytes(b"x")
    (configs / "toy.safetensors").write_bytes(b"x")
    pin = "0123456789" * 4
    write(
        configs,
        a=MINIMAL
        + f"adapters: [{{id: style, weight_name: a.safetensors}}, {{id: ./style}}, {{id: a/b, revision: '{pin}'}}]\n"
        + "embeddings: [{id: toy.safetensors, token: <toy>}]\n",
    )
    loaded = load_cases(configs)
    assert [adapter.id for adapter in loaded.cases[0].variant.adapters] == ["style", "./style", "a/b"]
    assert loaded.warnings == ()


def test_all_problems_of_adapters_and_embeddings_are_listed_at_once(configs: Path) -> None:
    (configs / "style").mkdir()
    (configs / "toy.safetensors").write_bytes(b"x")
    write(
        configs,
        a=MINIMAL
        + """
adapters:
  - {id: 'builtin:sd-digits'}
  - {id: style, weight_name: gone.safetensors, revision: main}
  - {id: toy.safetensors, weight_name: toy.safetensors}
  - {id: lora.bin}
embeddings:
  - {id: ./gone.safetensors, token: a}
  - {id: a/.., token: b}
""",
    )
    place = "a folder or .safetensors file, relative to this file"
    assert problems(configs) == [
        f"configs/a.yaml: {line}"
        for line in [
            f'adapters[0].id = "builtin:sd-digits": expected a hub id such as org/name, or {place}',
            'adapters[1].revision = "main": only a hub id has revisions; leave it out',
            'adapters[1].weight_name = "gone.safetensors": no such file in the folder style',
            'adapters[2].weight_name = "toy.safetensors": `adapters[2].id` is already a file; leave this out',
            'adapters[3].id = "lora.bin": a pickle can run any code when it is read; if you trust it, '
            "convert it to .safetensors with safetensors.torch.save_file(torch.load(FILE, weights_only=True), "
            '"FILE.safetensors")',
            f'embeddings[1].id = "a/..": expected a hub id such as org/name, or {place}',
        ]
    ]


def test_a_floating_adapter_or_embedding_is_a_warning(configs: Path) -> None:
    write(configs, a=MINIMAL + "adapters: [{id: a/b}]\nembeddings: [{id: a/c, token: x, revision: main}]")
    assert warnings(configs) == [
        f"configs/a.yaml: adapters[0].revision = null: {FLOATS}",
        f'configs/a.yaml: embeddings[0].revision = "main": {FLOATS}',
    ]


def test_all_that_a_case_names_its_weights_by(configs: Path) -> None:
    write(
        configs, a=MINIMAL + "adapters: [{id: a/b, floating: yes it does}]\nembeddings: [{id: ./c, token: x}]"
    )
    assert named(only_case(configs)) == ("builtin:ddpm-digits", "a/b", "./c")
