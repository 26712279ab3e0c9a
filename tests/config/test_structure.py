"""The rules of one config that no single key decides, as a user sees them broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.case import GeneratorKind
from tests.config.folder import MINIMAL, only_case, problems, write


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("seed: null", "seed = null: a generator needs a seed; give a number, or `generator: none`"),
        (
            "golden: optional",
            "golden = optional: without a golden nothing judges this case; give a figure in `expect`",
        ),
        (
            "steps: {prior: 3}\ncall: {prior_num_inference_steps: 4}",
            "call.prior_num_inference_steps = 4: `steps.prior` sets this; keep one of the two",
        ),
        (
            "call: {num_inference_steps: 4}",
            "call.num_inference_steps = 4: the harness sets this itself; use `steps` at the top of the file",
        ),
        (
            "call: {callback_steps: 4}",
            "call.callback_steps = 4: the harness sets this itself; callbacks are the harness's own; leave it out",
        ),
        (
            "call: {x: {$file: {$tuple: 3}}}",
            'call.x.$file = {"$tuple": 3}: expected a path that ends in .png, .jpg, .jpeg, .npy, .safetensors, '
            ".wav, .mp4, .gif (.safetensors also with #key)",
        ),
        (
            "call: {x: {$tuple: [1, {y: {$file: gone.png}}]}}",
            'call.x.$tuple[1].y.$file = "gone.png": no such file; paths are relative to this config file',
        ),
        ("call: {x: {$tuple: 3}}", "call.x.$tuple = 3: expected a list, the items of the tuple"),
        ("call: {x: {$tuple: [], y: 1}}", "call.x.$tuple = []: $tuple must be the only key of its mapping"),
        (
            "call: {x: {$file: a.exe}}",
            'call.x.$file = "a.exe": expected a path that ends in .png, .jpg, .jpeg, .npy, .safetensors, .wav, '
            ".mp4, .gif (.safetensors also with #key)",
        ),
        (
            "call: {x: {$file: a.png#b}}",
            'call.x.$file = "a.png#b": expected a path; only .safetensors takes a #key behind it',
        ),
        (
            "scheduler: {a: {$file: a.png}}",
            'scheduler.a.$file = "a.png": forms such as $file belong inside `call`',
        ),
        ("scheduler: {a b: 1}", "scheduler.a b = 1: not the name of an option; use letters, digits and '_'"),
        (
            "call: {prompt: &a {x: [*a]}}",
            "call.prompt.x[0] = *a: line 3: this alias refers to itself",
        ),
    ],
)
def test_rules_across_keys(configs: Path, lines: str, problem: str) -> None:
    write(configs, a=MINIMAL + lines)
    assert problems(configs) == [f"configs/a.yaml: {problem}"]


def test_a_pipeline_in_a_file_is_one_problem(configs: Path) -> None:
    write(configs, a="pipeline: ./mine.py:MinePipeline\nmodel: {id: 'builtin:sd-digits'}")
    assert problems(configs) == [
        "configs/a.yaml: pipeline = \"./mine.py:MinePipeline\": expected a pipeline class of diffusers or 'auto' "
        "(pipelines in files of your own are not accepted)"
    ]


def test_a_case_without_seed_needs_no_generator(configs: Path) -> None:
    write(configs, a=MINIMAL + "seed: null\ngenerator: none")
    assert (only_case(configs).seed, only_case(configs).generator) == (None, GeneratorKind.NONE)
