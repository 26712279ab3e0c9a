"""Loads a folder of configs as cases, and compares complete lists of problems as a user sees them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.config.files import find
from harness.config.load import LoadedConfigs, load_as, load_cases
from harness.core.case import Case, ModelSpec, SchedulerSpec
from harness.errors import ConfigError, UsageError
from tests.config.folder import MINIMAL, only_case, problems, write


def test_the_smallest_config_is_a_case_with_all_defaults(configs: Path) -> None:
    write(configs, ddim__small=MINIMAL)
    assert load_cases(configs) == LoadedConfigs(
        (
            Case(
                id="ddim/small",
                source="configs/ddim/small.yaml",
                base=str(configs.absolute() / "ddim"),
                pipeline="DDIMPipeline",
                model=ModelSpec("builtin:ddpm-digits"),
            ),
        ),
        (),
    )


def test_matrix_entries_are_cases_of_their_own(configs: Path) -> None:
    write(
        configs,
        b=MINIMAL,
        a=MINIMAL
        + "matrix:\n  seed: [0, 1]\n  scheduler.class: [DDIMScheduler]\n  determinism.attention: [math]\n",
    )
    cases = load_cases(configs).cases
    assert [(case.id, case.seed) for case in cases] == [
        ("a@determinism.attention=math,scheduler.class=DDIMScheduler,seed=0", 0),
        ("a@determinism.attention=math,scheduler.class=DDIMScheduler,seed=1", 1),
        ("b", 0),
    ]
    assert cases[0].scheduler == SchedulerSpec("DDIMScheduler")
    assert len({case.digest() for case in cases}) == 3


def test_the_matrix_may_give_keys_that_a_file_must_have(configs: Path) -> None:
    write(
        configs,
        a="matrix: {pipeline: [DDIMPipeline, DDPMPipeline], model.id: ['builtin:ddpm-digits']}",
    )
    digest = hashlib.sha256(b"builtin:ddpm-digits").hexdigest()[:8]
    assert [case.id for case in load_cases(configs).cases] == [
        f"a@model.id=builtin-ddpm-digits-{digest},pipeline=DDIMPipeline",
        f"a@model.id=builtin-ddpm-digits-{digest},pipeline=DDPMPipeline",
    ]


def test_problems_of_all_files_are_listed_at_once(configs: Path) -> None:
    write(
        configs,
        a__x="""
pipeline: StableDifusionPipeline
model: {id: 'builtin:ddpm-digit', dtyp: float16, dtype: float12, components: {torch_dtype: x, "a b": 1}}
sheduler: {class: DDIMScheduler}
scheduler: {clas: DDIMScheduler}
steps: {prior: 0}
seed: -1
generator: gpu
call: {prompt: a, generator: 1, image: {$file: nope.png}, other: {$fil: x}}
determinism: {thread: 1, tf32: 1}
tolerance: {same: refuse, same-hardware: {max_ab: 1, mismatched: 2}, cross-hardware: {}}
expect: [{output: a, statistic: avg, value: x}, 3]
nondeterministic: yes
golden: optional
tags: [A, b]
timeout: 0
""",
        b="steps: ten\nseed: 1\nseed: .nan\n",
        c="- a\n",
        d=MINIMAL,
    )
    top = (
        "pipeline, model, scheduler, steps, seed, generator, call, before, adapters, ip_adapters, embeddings, "
        "memory, channels_last, compile, quantization, determinism, tolerance, expect, nondeterministic, golden, "
        "devices, trace, forced, invariants and 5 more"
    )
    metrics = "max_abs, mean_abs, rel_l2, cosine_distance, psnr, max_ulp, mismatched"
    assert problems(configs) == [
        f"configs/a/x.yaml: {line}"
        for line in [
            'model.dtype = "float12": expected float32, float16, bfloat16, float64 or a mapping '
            "of at least one name; did you mean 'float32'?",
            "model.components.a b: not a valid argument name in Python; use letters, digits and '_'",
            "model.dtyp: unknown key; did you mean 'dtype'? accepted: id, revision, floating, variant, "
            "dtype, components",
            "steps.prior = 0: expected a whole number greater than 0",
            "seed = -1: expected a whole number from 0 to 18446744073709551615 or null",
            "generator = \"gpu\": expected cpu, device or none; did you mean 'cpu'?",
            "determinism.tf32 = 1: expected true or false",
            "determinism.thread: unknown key; did you mean 'threads'? accepted: algorithms, cublas_workspace, "
            "cudnn_benchmark, cudnn_deterministic, tf32, attention, threads, portable",
            f'tolerance.same = "refuse": expected exact or a mapping with at least one of {metrics}',
            "tolerance.same-hardware.mismatched = 2: expected a number from 0, below 1: "
            "at 1 every element may differ",
            f"tolerance.same-hardware.max_ab: unknown key; did you mean 'max_abs'? accepted: {metrics}",
            "tolerance.cross-hardware = {}: expected exact, refuse, calibrated or a mapping with at least one of "
            f"{metrics}",
            'expect[0].statistic = "avg": expected abs_sum, sum, mean, std, min or max',
            'expect[0].value = "x": expected a number',
            "expect[0].abs_tol: missing; expected a number of 0 or more",
            "expect[1] = 3: expected a mapping with output, statistic, value, abs_tol, source",
            "nondeterministic = true: expected refuse or allow",
            "tags[0] = \"A\": expected a name of a-z, 0-9 and '-'",
            "timeout = 0: expected a number greater than 0, at most 604800",
            f"sheduler: unknown key; did you mean 'scheduler'? accepted: {top}",
            "call.generator = 1: the harness sets this itself; use `generator` and `seed` at the top of the file",
            "call.other.$fil = \"x\": unknown form; did you mean '$file'? accepted: $file, $tuple, $map, $object, "
            "$noise, $gradient, $tensor, $array",
            'model.components.torch_dtype = "x": the harness sets this itself; use `model.dtype`',
            'pipeline = "StableDifusionPipeline": the installed diffusers exports no pipeline of this name; '
            "did you mean 'StableDiffusionPipeline' or 'StableDiffusionImg2ImgPipeline'?",
            "scheduler.clas = \"DDIMScheduler\": unknown key; did you mean 'class'?",
            'model.id = "builtin:ddpm-digit": no built-in model of this name; '
            "did you mean 'builtin:ddpm-digits'? "
            "accepted: builtin:ddpm-digits, builtin:sd-digits, builtin:unclip-digits",
            'call.image.$file = "nope.png": no such file; paths are relative to this config file',
        ]
    ] + [
        "configs/b.yaml: seed: line 3: the key occurs twice, first in line 2; keep one",
        "configs/b.yaml: seed = .nan: line 3: numbers must be finite; put it in quotes if it is text",
        "configs/b.yaml: pipeline: missing; expected a pipeline class of diffusers, 'auto', or ./file.py:ClassName "
        "for a pipeline of your own (a path that starts with ./, ../ or /)",
        "configs/b.yaml: model: missing; expected a mapping with id, revision, floating, variant, dtype, components",
        'configs/b.yaml: steps = "ten": expected a whole number greater than 0, '
        "a mapping of at least one name or null",
        "configs/c.yaml: line 1: the file holds a list; expected a mapping such as `pipeline: DDIMPipeline`",
    ]


def test_the_errors_text_lists_the_problems_below_a_next_step(configs: Path) -> None:
    write(configs, a=MINIMAL + "seed: x", b=MINIMAL + "steps: -1")
    with pytest.raises(ConfigError) as caught:
        load_cases(configs)
    assert str(caught.value) == (
        "2 problems in the configs; fix the files and run the command again:\n"
        '  configs/a.yaml: seed = "x": expected a whole number from 0 to 18446744073709551615 or null\n'
        "  configs/b.yaml: steps = -1: expected a whole number greater than 0, "
        "a mapping of at least one name or null"
    )


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (
            "matrix: {seed: [0, -1, -2], steps: [1, 2]}",
            [
                "matrix.seed = -1: expected a whole number from 0 to 18446744073709551615 or null",
                "matrix.seed = -2: expected a whole number from 0 to 18446744073709551615 or null",
            ],
        ),
        (
            "matrix: {scheduler.class: [DDIMSheduler]}",
            [
                'matrix.scheduler.class = "DDIMSheduler": the installed diffusers exports no scheduler of this name; '
                "did you mean 'DDIMScheduler'?"
            ],
        ),
        (
            "matrix: {model.dtyp: [a, b]}",
            [
                "matrix.model.dtyp: unknown key; did you mean 'dtype'? "
                "accepted: id, revision, floating, variant, dtype, components"
            ],
        ),
        (
            "timeout: 0\nmatrix: {seed: [0, 1]}",
            ["timeout = 0: expected a number greater than 0, at most 604800"],
        ),
        (
            "seed: -1\nmatrix: {steps: []}",
            [
                "matrix.steps = []: expected a list of at least one value",
                "seed = -1: expected a whole number from 0 to 18446744073709551615 or null",
            ],
        ),
        (
            "matrix: {seed: [1, .nan]}",
            ["matrix.seed[1] = .nan: line 3: numbers must be finite; put it in quotes if it is text"],
        ),
        (
            "matrix: {" + ", ".join(f"call.a{i}: [{'x' * 40}]" for i in range(5)) + "}",
            [
                f"matrix: the case id has a part of {len('a@') + 5 * len('call.a0=') + 5 * 40 + 4} bytes, "
                f"but at most 200 fit: a@call.a0={'x' * 40},call.a1=x…; shorten it"
            ],
        ),
    ],
)
def test_what_a_matrix_puts_in_is_reported_under_matrix_once(
    configs: Path, lines: str, problem: list[str]
) -> None:
    write(configs, a=MINIMAL + lines)
    assert problems(configs) == [f"configs/a.yaml: {line}" for line in problem]


def test_what_only_a_wrong_matrix_gives_is_not_called_missing(configs: Path) -> None:
    write(configs, a="matrix: {pipeline: [], model.id: ['builtin:sd-digits']}\nseed: -1")
    assert problems(configs) == [
        "configs/a.yaml: matrix.pipeline = []: expected a list of at least one value",
        "configs/a.yaml: seed = -1: expected a whole number from 0 to 18446744073709551615 or null",
    ]


def test_equal_ids_are_problems_across_files_and_matrices(configs: Path) -> None:
    write(configs, a=MINIMAL, b=MINIMAL, B=MINIMAL, c=MINIMAL + "matrix: {call.x: [up, up]}")
    (configs / "a.yml").write_text(MINIMAL)
    why = "differ only in what some file systems ignore (letter case, accents); rename one"
    assert problems(configs) == [
        "configs/a.yml: gives the case id 'a' a second time, after configs/a.yaml; rename one",
        f"configs/b.yaml: the case ids 'b' and 'B' (configs/B.yaml) {why}",
        "configs/c.yaml: matrix: two entries have the id @call.x=up; keep one of them",
    ]


def test_aliases_inside_a_file_are_plain_values_in_the_case(configs: Path) -> None:
    write(configs, a=MINIMAL + "call: {one: &x {y: [1]}, two: *x, three: {<<: *x, z: 2}}")
    assert only_case(configs).call == {"one": {"y": [1]}, "two": {"y": [1]}, "three": {"y": [1], "z": 2}}


def test_a_missing_folder_is_a_usage_error(configs: Path) -> None:
    with pytest.raises(
        UsageError, match=r"^nowhere: no such folder; give the folder of the configs with --configs$"
    ):
        load_cases(Path("nowhere"))


def test_an_absolute_folder_gives_absolute_sources(configs: Path) -> None:
    write(configs, a=MINIMAL)
    case = only_case(configs.absolute())
    assert case.source == str(configs.absolute() / "a.yaml")
    assert case.id == "a"


def test_loading_needs_neither_torch_nor_numpy_nor_rich(configs: Path) -> None:
    write(configs, a=MINIMAL, b=MINIMAL + "steps: -1")
    code = (
        "import sys; from pathlib import Path; from harness.config.load import load_cases\n"
        "from harness.errors import ConfigError\n"
        "try: load_cases(Path('configs'))\n"
        "except ConfigError: pass\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'diffusers', 'numpy', 'rich')))"
    )
    root = Path(__file__).parents[2]
    finished = subprocess.run(
        [sys.executable, "-c", code], check=False, env={**os.environ, "PYTHONPATH": str(root)}
    )
    assert finished.returncode == 0


def test_each_case_knows_the_line_that_defines_it_and_its_number_in_the_file(configs: Path) -> None:
    matrix = "matrix:\n  seed: [0, 1]\n  steps:\n    - 2\n    - 3\n"
    write(configs, plain=f"# why\n{MINIMAL}", several=MINIMAL + matrix, merged="<<: {pipeline: DDIMPipeline}\n"
          "model: {id: 'builtin:ddpm-digits'}\n", flow=MINIMAL + "matrix: {seed: [0, 1]}\n")  # fmt: skip
    places = {case.id: (case.source, case.line, case.entry) for case in load_cases(configs).cases}
    assert places == {
        "plain": ("configs/plain.yaml", 2, 0),
        "merged": ("configs/merged.yaml", 1, 0),
        "flow@seed=0": ("configs/flow.yaml", 3, 0),
        "flow@seed=1": ("configs/flow.yaml", 3, 1),
        "several@seed=0,steps=2": ("configs/several.yaml", 6, 0),
        "several@seed=0,steps=3": ("configs/several.yaml", 7, 1),
        "several@seed=1,steps=2": ("configs/several.yaml", 6, 2),
        "several@seed=1,steps=3": ("configs/several.yaml", 7, 3),
    }


def test_a_config_as_it_would_be_under_another_id(configs: Path) -> None:
    (configs / "a" / "in").mkdir(parents=True)
    (configs / "a" / "in" / "x.png").write_bytes(b"picture")
    write(configs, a__one=MINIMAL + "call: {image: {$file: in/x.png}}")
    [file] = find(configs).files
    same = load_as(configs, file, "a/two")
    assert [(case.id, case.source) for case in same.cases] == [("a/two", "configs/a/two.yaml")]
    assert same.cases[0].digest() == only_case(configs).digest()
    other = load_as(configs, file, "b/one")
    assert [(problem.file, problem.key) for problem in other.problems] == [
        ("configs/b/one.yaml", "call.image.$file")
    ]
