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
            "golden = optional: nothing judges this case without a golden; give a figure in `expect`",
        ),
        (
            "forced: true\ntrace: components",
            'trace = "components": forced replay needs the tensors: `full`, or leave it out',
        ),
        (
            "steps: {prior: 3}\ncall: {prior_num_inference_steps: 4}",
            "call.prior_num_inference_steps = 4: `steps.prior` sets this; keep one of the two",
        ),
        (
            "steps: 4\ncall: {num_inference_steps: 4}",
            "call.num_inference_steps = 4: `steps` sets this; keep one of the two",
        ),
        (
            "steps: {num_inference_steps: 4}\ncall: {num_inference_steps: 4}",
            "call.num_inference_steps = 4: `steps.num_inference_steps` sets this; keep one of the two",
        ),
        (
            "call: {num_inference_steps: 4.0}",
            "call.num_inference_steps = 4.0: expected a whole number greater than 0 or null",
        ),
        (
            "call: {callback_on_step_end: print}",
            'call.callback_on_step_end = "print": the harness sets this itself; Python functions cannot be passed, '
            "and callbacks belong to the harness; leave it out",
        ),
        (
            "call: {x: {$file: {$tuple: 3}}}",
            'call.x.$file = {"$tuple": 3}: expected a path that ends in .png, .jpg, .jpeg, .webp, .bmp, .tif, .tiff, '
            ".npy, .safetensors, .wav, .mp4, .gif, .txt (.safetensors also with #key)",
        ),
        (
            "call: {x: {$tuple: [1, {y: {$file: gone.png}}]}}",
            'call.x.$tuple[1].y.$file = "gone.png": no such file; paths are relative to this config file',
        ),
        (
            "steps: {prior: 3, prior_num_inference_steps: 4}",
            "steps.prior_num_inference_steps = 4: `steps.prior` sets `prior_num_inference_steps` too; "
            "keep one of the two",
        ),
        (
            "call: {prior_callback_on_step_end: 'module:function'}",
            'call.prior_callback_on_step_end = "module:function": the harness sets this itself; Python functions '
            "cannot be passed, and callbacks belong to the harness; leave it out",
        ),
        (
            "before: [{method: invert}, {method: load_lora_weights}]",
            'before[1].method = "load_lora_weights": the harness calls this itself; use `adapters`',
        ),
        (
            "before: [{method: _encode}]",
            'before[0].method = "_encode": expected the name of a method of the pipeline',
        ),
        (
            "before: [{method: invert, call: {generator: 0}}]",
            "before[0].call.generator = 0: the harness sets this itself; use `generator: true` next to `method`",
        ),
        (
            "before: [{method: invert, call: {image: {$file: gone.png}}}]",
            'before[0].call.image.$file = "gone.png": no such file; paths are relative to this config file',
        ),
        (
            "generator: none\nbefore: [{method: invert, generator: true}]",
            "before[0].generator = true: `generator: none` makes no generator to pass; leave this out, "
            "or choose cpu or device there",
        ),
        (
            "adapters: [{id: a/b, name: adapter-2}, {id: a/c}]",
            'adapters[1].name = "adapter-2": the same as `adapters[0].name`; give each its own name',
        ),
        (
            "embeddings: [{id: a/b, token: <x>}, {id: a/c, token: <x>}]",
            'embeddings[1].token = "<x>": the same as `embeddings[0].token`; give each its own name',
        ),
        (
            "quantization: {backend: torchao, components: [unet], options: {x: {$tuple: []}}}",
            "quantization.options.x.$tuple = []: forms such as $file belong inside `call`",
        ),
        ("call: {x: {$tuple: 3}}", "call.x.$tuple = 3: expected a list, the items of the tuple"),
        ("call: {x: {$tuple: [], y: 1}}", "call.x.$tuple = []: $tuple must be the only key of its mapping"),
        (
            "scheduler: {a: {$file: a.png}}",
            'scheduler.a.$file = "a.png": forms such as $file belong inside `call`',
        ),
        ("scheduler: {a b: 1}", "scheduler.a b = 1: not a valid option name; use letters, digits and '_'"),
        (
            "call: {prompt: &a {x: [*a]}}",
            "call.prompt.x[0] = *a: line 3: this alias refers to itself",
        ),
    ],
)
def test_rules_across_keys(configs: Path, lines: str, problem: str) -> None:
    write(configs, a=MINIMAL + lines)
    assert problems(configs) == [f"configs/a.yaml: {problem}"]


BAD_VARIANT = """
model: {id: 'builtin:sd-digits', dtype: {default: float32, vae: float12}}
adapters: [{id: a/b, weight_name: x.bin, scal: 1}, {name: a.b}]
embeddings: [{id: a/b, token: a toy}]
memory: {offload: modle, attention_slicing: 0, vae_slicing: 1}
channels_last: unet
compile: {components: [], mode: fast}
quantization: {components: [unet]}
before: [{call: {}}, invert]
pipeline: auto
"""


def test_all_problems_of_a_variant_are_listed_at_once(configs: Path) -> None:
    write(configs, a=BAD_VARIANT)
    assert problems(configs) == [
        f"configs/a.yaml: {line}"
        for line in [
            "model.dtype.vae = \"float12\": expected float32, float16, bfloat16 or float64; did you mean 'float32'?",
            "before[0].method: missing; expected the name of a method of the pipeline",
            'before[1] = "invert": expected a mapping with method, call, generator',
            'adapters[0].weight_name = "x.bin": expected a .safetensors file\'s name (pickles are not read) or null',
            "adapters[0].scal: unknown key; did you mean 'scale'? accepted: id, name, weight_name, revision, "
            "floating, scale",
            "adapters[1].id: missing; expected a text that is not empty",
            "adapters[1].name = \"a.b\": expected a name of letters, digits, '_' and '-' or null",
            'embeddings[0].token = "a toy": expected a word without spaces',
            "memory.offload = \"modle\": expected none, model or sequential; did you mean 'model'?",
            "memory.attention_slicing = 0: expected auto, max, a whole number greater than 0 or null",
            "memory.vae_slicing = 1: expected true or false",
            'channels_last = "unet": expected a list',
            "compile.components = []: expected a list of at least one name",
            'compile.mode = "fast": expected default, reduce-overhead, max-autotune or max-autotune-no-cudagraphs',
            "quantization.backend: missing; expected a text that is not empty",
        ]
    ]


def test_a_case_without_seed_needs_no_generator(configs: Path) -> None:
    write(configs, a=MINIMAL + "seed: null\ngenerator: none")
    assert (only_case(configs).seed, only_case(configs).generator) == (None, GeneratorKind.NONE)
