"""What cases pass compared with what their pipelines take, as a user sees it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.config.load import check_calls, load_cases
from harness.errors import ConfigError
from tests.config.folder import write

TEXT = """
class DDIMPipeline(Base):
    def __call__(self, prompt=None, guidance_scale=1.0, generator=None, num_inference_steps=50, output_type="pil"):
        pass

class DDPMPipeline:
    def __call__(self, image, strength=1.0):
        pass

    def invert(self, image, generator=None, num_inversion_steps=10):
        pass

    def warm_up(self):
        pass

class UnCLIPPipeline:
    def __call__(self, generator=None, prior_num_inference_steps=25, super_res_num_inference_steps=7):
        pass

class StableDiffusionPipeline:
    def __call__(self, *args, **kwargs):
        return self.handed_on(*args, **kwargs)

    def invert(self, prompt=None, **kwargs):
        callback = kwargs.pop("callback_steps", None)
        return prompt if "mask" in kwargs else kwargs["strength"] or kwargs.get("eta")

class StableDiffusionImg2ImgPipeline:
    pass
"""
DDIM = "It takes: prompt, guidance_scale, generator, num_inference_steps, output_type"
DDPM = "It takes: image, strength"
UNCLIP = "It takes: generator, prior_num_inference_steps, super_res_num_inference_steps"


@pytest.fixture(autouse=True)
def pipelines(configs: Path) -> None:
    from harness.config.pipelines.installed import diffusers_folder

    package = diffusers_folder()
    assert package is not None
    (package / "pipelines").mkdir()
    (package / "pipelines" / "all.py").write_text(TEXT)


def complaints(configs: Path, *lines: str) -> list[str]:
    """The problems of configs that hold the lines besides a model; configs are named a, b, ..."""
    for name, text in zip("abcdef", lines, strict=False):
        model = "" if "model:" in text else "\nmodel: {id: 'builtin:sd-digits'}"
        write(configs, **{name: text + model})
    cases = load_cases(configs).cases
    try:
        check_calls(cases)
    except ConfigError as error:
        return [str(problem).removeprefix("configs/") for problem in error.problems]
    return []


def test_what_a_pipeline_takes_is_no_problem(configs: Path) -> None:
    assert (
        complaints(
            configs,
            "pipeline: DDIMPipeline\nsteps: 3\ncall: {prompt: a, guidance_scale: 2, output_type: np}",
            "pipeline: DDPMPipeline\ngenerator: none\ncall: {image: 1}\nbefore: [{method: invert, call: {image: 2}}]",
            "pipeline: UnCLIPPipeline\nsteps: {prior: 2, super_res_num_inference_steps: 3}",
            "pipeline: StableDiffusionPipeline\nsteps: 3\ncall: {anything: 1}",
            "pipeline: StableDiffusionImg2ImgPipeline\nsteps: 3\ncall: {anything: 1}\nbefore: [{method: invert}]",
            "pipeline: auto\nmodel: {id: org/name}\ncall: {anything: 1}",
        )
        == []
    )


def test_all_that_is_not_taken_is_listed_at_once(configs: Path) -> None:
    assert complaints(
        configs,
        "pipeline: DDIMPipeline\nsteps: {prior: 3}\ncall: {guidence_scale: 7.5, image: 1}",
        "pipeline: DDPMPipeline\nsteps: 2\ncall: {output_type: np}",
        "pipeline: UnCLIPPipeline\nsteps: 5\nseed: null\ngenerator: none",
        "pipeline: UnCLIPPipeline\nsteps: {decoder: 5}",
    ) == [
        f"a.yaml: steps.prior = 3: DDIMPipeline takes no `prior_num_inference_steps`; write `steps: 3`. {DDIM}",
        "a.yaml: call.guidence_scale = 7.5: DDIMPipeline takes no `guidence_scale`; "
        f"did you mean 'guidance_scale'? {DDIM}",
        f"a.yaml: call.image = 1: DDIMPipeline takes no `image`. {DDIM}",
        f'b.yaml: generator = "cpu": DDPMPipeline takes no `generator`; write `generator: none`. {DDPM}',
        f"b.yaml: steps = 2: DDPMPipeline takes no `num_inference_steps`; leave `steps` out. {DDPM}",
        f'b.yaml: call.output_type = "np": DDPMPipeline takes no `output_type`. {DDPM}',
        f"b.yaml: call.image: missing; DDPMPipeline cannot be called without it. {DDPM}",
        "c.yaml: steps = 5: UnCLIPPipeline takes no `num_inference_steps`; "
        f"write `steps: {{prior: 5, super_res: 5}}`. {UNCLIP}",
        "d.yaml: steps.decoder = 5: UnCLIPPipeline takes no `decoder_num_inference_steps`; "
        f"write `steps: {{prior: 5, super_res: 5}}`. {UNCLIP}",
    ]


def test_the_calls_before_are_checked_too(configs: Path) -> None:
    before = """
pipeline: DDPMPipeline
generator: cpu
call: {image: 1}
before:
  - {method: inverse}
  - {method: invert, call: {img: 1}, generator: true}
  - {method: warm_up, generator: true}
"""
    invert = "It takes: image, generator, num_inversion_steps"
    assert complaints(configs, before)[1:] == [
        "a.yaml: before[0].method = \"inverse\": DDPMPipeline has no such method; did you mean 'invert'? "
        "A case may call: invert, warm_up",
        f"a.yaml: before[1].call.img = 1: DDPMPipeline.invert takes no `img`; did you mean 'image'? {invert}",
        f"a.yaml: before[1].call.image: missing; DDPMPipeline.invert cannot be called without it. {invert}",
        "a.yaml: before[2].generator = true: DDPMPipeline.warm_up takes no `generator`; leave it out. "
        "It takes: nothing",
    ]


def test_other_keywords_are_those_that_the_pipeline_asks_for(configs: Path) -> None:
    head = "pipeline: StableDiffusionPipeline\nbefore: [{method: invert, call: "
    assert complaints(configs, head + "{prompt: a, callback_steps: 1, mask: b, strength: 1, eta: 0}}]") == []
    assert complaints(configs, head + "{promt: a}}]") == [
        'a.yaml: before[0].call.promt = "a": StableDiffusionPipeline.invert takes no `promt`; did you mean '
        "'prompt'? It takes: prompt, callback_steps, mask, strength, eta"
    ]


def test_options_of_a_scheduler(configs: Path) -> None:
    from harness.config.pipelines.installed import diffusers_folder

    package = diffusers_folder()
    assert package is not None
    (package / "schedulers").mkdir()
    (package / "schedulers" / "ddim.py").write_text(
        "class DDIMScheduler:\n    @register_to_config\n"
        "    def __init__(self, num_train_timesteps=1000, timestep_spacing='leading'):\n        pass\n"
    )
    head = "pipeline: auto\nmodel: {id: org/name}\nscheduler: {class: DDIMScheduler, "
    assert complaints(configs, head + "timestep_spacing: trailing}") == []
    assert complaints(configs, head + "timestep_spaced: trailing}") == [
        'a.yaml: scheduler.timestep_spaced = "trailing": DDIMScheduler takes no `timestep_spaced`; did you mean '
        "'timestep_spacing'? It takes: num_train_timesteps, timestep_spacing"
    ]


def test_auto_is_the_class_that_the_models_index_names(configs: Path) -> None:
    for name, index in {
        "named": {"_class_name": "UnCLIPPipeline"},
        "listed": {"_class_name": ["a", "B"]},
    }.items():
        (configs / name).mkdir()
        (configs / name / "model_index.json").write_text(json.dumps(index))
    (configs / "bare").mkdir()
    assert complaints(
        configs,
        "pipeline: auto\nmodel: {id: ./named}\ncall: {x: 1}",
        "pipeline: auto\nmodel: {id: ./listed}\ncall: {x: 1}",
        "pipeline: auto\nmodel: {id: ./bare}\ncall: {x: 1}",
        "pipeline: auto\nmodel: {id: 'builtin:sd-digits'}\ncall: {x: 1}",
    ) == [f"a.yaml: call.x = 1: UnCLIPPipeline takes no `x`. {UNCLIP}"]


def test_a_users_own_pipeline_may_inherit_from_one_of_diffusers(configs: Path) -> None:
    (configs / "mine.py").write_text(
        "from diffusers import DDIMPipeline\n\nclass Mine(DDIMPipeline):\n    def more(self): pass\n"
    )
    assert complaints(configs, "pipeline: ./mine.py:Mine\ncall: {promt: a}") == [
        f"a.yaml: call.promt = \"a\": Mine takes no `promt`; did you mean 'prompt'? {DDIM}"
    ]


def test_a_problem_of_a_file_is_reported_once_for_all_its_cases(configs: Path) -> None:
    assert len(complaints(configs, "pipeline: DDIMPipeline\ncall: {x: 1}\nmatrix: {seed: [0, 1]}")) == 1


def test_the_problems_end_the_command_with_2(configs: Path) -> None:
    write(configs, a="pipeline: DDIMPipeline\nmodel: {id: 'builtin:sd-digits'}\ncall: {x: 1}")
    with pytest.raises(ConfigError) as caught:
        check_calls(load_cases(configs).cases)
    assert caught.value.exit_code == 2
    assert str(caught.value).startswith("1 problem in the configs; ")
