"""The models of a config file and the JSON Schema made from them: they accept and refuse the same files."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.config.schema import structure, variant
from harness.config.schema.json_schema import json_schema
from harness.config.schema.models import ConfigFile, DeterminismSwitches, MetricLimits
from harness.core import case as core
from harness.core.case import Attention, Case, Determinism, GeneratorKind, ModelSpec
from harness.core.tolerance import METRICS
from tests.config.bad_values import BAD

SCHEMA = json.loads(json_schema())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

FULL = """
pipeline: StableDiffusionPipeline
model:
  id: builtin:sd-digits
  revision: null
  variant: null
  dtype: float32
  components: {safety_checker: null}
scheduler: {class: DDIMScheduler, eta: 0.5, betas: [0.1, {a: null}]}
steps: {prior: 5, decoder: 5}
seed: 0
generator: cpu
call:
  prompt: a handwritten seven
  num_inference_steps: 6
  output_type: latent
  image: {$file: inputs/seven.png}
  size: {$tuple: [16, {$file: "a/b.safetensors#key"}]}
  nested: [1, {deep: {$tuple: []}}]
  latents: {$noise: {shape: [1, 4, 8, 8], seed: 1, dtype: float16, kind: uniform, as: tensor}}
  picture: {$gradient: {shape: [32, 32, 3]}}
  ids: {$tensor: [[1, 2], [3, 4]]}
  sigmas: {$array: {values: [1.5, 0], dtype: float32}}
before: [{method: invert, call: {image: {$file: inputs/seven.png}}, generator: true}]
adapters: [{id: org/lora, name: style, weight_name: a.safetensors, revision: null, scale: 0.5}]
embeddings: [{id: ./toy.safetensors, token: <toy>, weight_name: null, revision: null}]
memory: {offload: model, attention_slicing: auto, vae_slicing: true, vae_tiling: false}
channels_last: [unet]
compile: {components: [unet], mode: default, fullgraph: false, dynamic: null}
quantization: {backend: torchao, components: [unet], options: {quant_type: int8}}
invariants:
  batch: {rel_l2: 1.0e-5, size: 3}
  generator_state: exact
  offload: exact
  attention_slicing: {max_abs: 0, psnr: 60}
  vae_tiling: {rel_l2: 0.2}
  half: {dtype: bfloat16, devices: [cuda], rel_l2: 0.1}
  save_load: exact
  compile: {components: [unet], devices: [], rel_l2: 1.0e-4}
determinism:
  algorithms: true
  cublas_workspace: ":4096:8"
  cudnn_benchmark: false
  cudnn_deterministic: true
  tf32: false
  attention: math
  threads: 1
tolerance:
  same: exact
  same-hardware: {max_abs: 1.0e-4, rel_l2: 1.0e-5}
  cross-hardware: refuse
expect: [{output: images, statistic: abs_sum, value: 1491.5, abs_tol: 0.5, source: a guide}]
nondeterministic: allow
golden: optional
devices: [cuda]
tags: [smoke, slow-2]
timeout: 600
"""
MATRIX = """
matrix:
  seed: [0, 1]
  scheduler.class: [DDIMScheduler, EulerDiscreteScheduler]
  model.dtype: [float32, bfloat16]
  determinism.attention: [math, default]
  call.prompt: [one, two]
  memory.offload: [none, sequential]
  compile.mode: [default, max-autotune]
  quantization.options.quant_type: [int8]
  model.dtype.vae: [float32]
  adapters: [[], [{id: org/lora}]]
  before: [[]]
  tolerance.same.max_abs: [0, 0.5]
"""


def full() -> dict[str, Any]:
    return dict(yaml.safe_load(FULL))


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else []:
        yield from nodes(child)


def test_the_schema_is_valid_pretty_json_of_the_2020_draft() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert json_schema() == json.dumps(SCHEMA, indent=2)


def test_every_key_is_described_and_no_other_is_accepted() -> None:
    for name, node in [("the file", SCHEMA), *SCHEMA["$defs"].items()]:
        assert all("description" in child for child in node.get("properties", {}).values()), name
    closed = [node for node in nodes(SCHEMA) if "properties" in node and node.get("type") == "object"]
    assert [node for node in closed if node.get("additionalProperties", True) is True] == []


def test_choices_are_listed_for_editors() -> None:
    assert SCHEMA["properties"]["generator"]["enum"] == [str(kind) for kind in GeneratorKind]
    assert SCHEMA["$defs"]["DeterminismSwitches"]["properties"]["attention"]["enum"] == [
        str(one) for one in Attention
    ]
    assert list(SCHEMA["$defs"]["MetricLimits"]["properties"]) == list(METRICS)


def test_the_models_defaults_are_those_of_a_case() -> None:
    config = ConfigFile(pipeline="auto", model={"id": "m"})  # type: ignore[arg-type]
    case = Case("c", "s", "b", "auto", ModelSpec("m"))
    assert DeterminismSwitches().model_dump() == asdict(Determinism())
    assert config.model.model_dump() == {
        key: value for key, value in asdict(case.model).items() if key != "dtypes"
    }
    assert tuple(MetricLimits.model_fields) == METRICS
    for key in ("steps", "seed", "generator", "call", "timeout"):
        assert getattr(config, key) == getattr(case, key), key


def test_the_defaults_of_a_variant_are_those_of_a_case() -> None:
    listed = {"components": ["unet"]}
    pairs = [
        (variant.MemorySwitches(), core.Memory(), {}),
        (variant.Adapter(id="a"), core.Adapter("a", "n"), {"name": None, "floating": None}),
        (variant.Embedding(id="a", token="t"), core.Embedding("a", "t"), {"floating": None}),
        (variant.Compile(components=["unet"]), core.Compile(("unet",)), listed),
        (variant.Quantization(backend="b", components=["unet"]), core.Quantization("b", ("unet",)), listed),
        (variant.Preparation(method="m"), core.Preparation("m"), {}),
    ]
    for model, word, other in pairs:
        assert model.model_dump() == {**asdict(word), **other}


@pytest.mark.parametrize("text", [FULL, FULL + MATRIX, "pipeline: auto\nmodel: {id: m}\n"])
def test_good_files_are_accepted(text: str) -> None:
    values = yaml.safe_load(text)
    assert list(VALIDATOR.iter_errors(values)) == []
    assert structure.check({key: values[key] for key in values if key != "matrix"}).problems == ()


@pytest.mark.parametrize("steps", ["3", "{num_inference_steps: 3}"])
def test_a_step_count_given_twice_is_refused_by_both(steps: str) -> None:
    values = yaml.safe_load(
        f"pipeline: auto\nmodel: {{id: m}}\nsteps: {steps}\ncall: {{num_inference_steps: 3}}"
    )
    assert not VALIDATOR.is_valid(values)
    assert [problem.key for problem in structure.check(values).problems] == ["call.num_inference_steps"]
    for key in ("steps", "call"):
        assert VALIDATOR.is_valid({name: value for name, value in values.items() if name != key})


def with_value(values: dict[str, Any], key: str, value: object) -> dict[str, Any]:
    changed = copy.deepcopy(values)
    *outer, last = key.split(".")
    place = changed
    for part in outer:
        place = place[part]
    place[last] = value
    return changed


@pytest.mark.parametrize(("key", "value"), BAD)
def test_bad_values_are_refused_by_both_with_one_problem(key: str, value: object) -> None:
    values = with_value(full(), key, value)
    assert not VALIDATOR.is_valid(values)
    assert len(structure.check(values).problems) == 1


@pytest.mark.parametrize("key", ["pipeline", "model"])
def test_missing_keys_are_refused_by_both_unless_the_matrix_has_them(key: str) -> None:
    values = {name: value for name, value in full().items() if name != key}
    assert not VALIDATOR.is_valid(values)
    assert [problem.key for problem in structure.check(values).problems] == [key]
    assert VALIDATOR.is_valid({**values, "matrix": {key: [full()[key]]}})


@pytest.mark.parametrize(
    "matrix",
    [
        [],
        {"seed": []},
        {"seed": 3},
        {"seed": [-1]},
        {"sead": [1]},
        {"model.dtyp": ["float32"]},
        {"determinism.attention": ["maths"]},
        {"matrix": [{}]},
        {"call.$file": ["a"]},
        {"call.": ["a"]},
    ],
)
def test_bad_matrices_are_refused(matrix: object) -> None:
    assert not VALIDATOR.is_valid({**full(), "matrix": matrix})


@pytest.mark.parametrize(
    "matrix",
    [
        {"call.a.b": [1]},
        {"scheduler.eta": [0, 1]},
        {"model.components.x": [None]},
        {"steps.prior": [3]},
        {"model.dtype.vae": ["float16"]},
        {"quantization.options.x": [1]},
        {"generator": ["none"]},
        {"scheduler": [None, {"class": "A"}]},
        {},
    ],
)
def test_open_mappings_take_any_key_in_a_matrix(matrix: object) -> None:
    assert VALIDATOR.is_valid({**full(), "matrix": matrix})


def paths(value: Any, prefix: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for key, child in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*prefix, key)
        if isinstance(child, dict | list):
            yield from paths(child, (*prefix, key))


MADE = {"$noise", "$gradient", "$tensor", "$array"}
"""Forms with rules that JSON Schema cannot tell: on sizes, and on numbers that fit."""

KNOWN = sorted(
    {str(key) for path in paths(full()) for key in path} - MADE | {"$sound", "class", "generator", "sead"}
)
SCALARS: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, False, -1, 0, 1, 2, 1024, 2**64, -0.5, 0.25, 1.5, "", "x", "exact", "refuse", "none", "cpu", "a b",
     "optional", "required", "allow", "math", "float32", ":16:8", "x.png", "x.png#k", "x.safetensors#k", "$file"]
)  # fmt: skip
ANY = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KNOWN), inner, max_size=2),
    max_leaves=4,
)


@settings(deadline=None, max_examples=400)
@given(st.data())
def test_the_schema_agrees_with_the_models_on_every_mutation(data: st.DataObject) -> None:
    """Keys of a good file are dropped, added or given other values; integers written as floats are excluded.

    (JSON Schema takes 5.0 for a whole number, the models do not.)
    """
    values = full()
    for _ in range(data.draw(st.integers(1, 3))):
        open_paths = [path for path in paths(values) if not MADE & set(path)]
        *outer, last = data.draw(st.sampled_from(open_paths))
        place: Any = values
        for part in outer:
            place = place[part]
        action = data.draw(st.sampled_from(["set", "drop", "add"]))
        if action == "set" or isinstance(place, list):
            place[last] = data.draw(ANY)
        elif action == "drop":
            del place[last]
        else:
            place[data.draw(st.sampled_from(KNOWN))] = data.draw(ANY)
        if not values:
            return
    accepted = structure.check(values).problems == ()
    assert VALIDATOR.is_valid(values) == accepted
