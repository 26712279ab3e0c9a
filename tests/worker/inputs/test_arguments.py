"""Everything a case names reaches the pipeline's call, or is refused; nothing is left behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from harness.core.case import GeneratorKind
from harness.worker.inputs.arguments import assemble, takes_generator
from harness.worker.rejection import Rejection
from tests.core.samples import case


class Pipeline:
    def __call__(self, prompt: str = "", num_inference_steps: int = 50, generator: Any = None) -> None: ...


class ImagePipeline:
    def __call__(
        self, num_inference_steps: int = 50, generator: Any = None, output_type: str = "pil"
    ) -> None: ...


class TwoStages:
    @torch.no_grad()
    def __call__(self, prior_num_inference_steps: int, decoder_num_inference_steps: int) -> None: ...


class Anything:
    def __call__(self, **kwargs: Any) -> None: ...


def assembled(takes: Callable[..., object], **changes: Any) -> tuple[dict[str, object], dict[str, object]]:
    changed = case(**{"generator": GeneratorKind.NONE, "steps": None, **changes})
    return assemble(takes, changed, None)


def test_call_and_steps_become_keyword_arguments() -> None:
    assert assembled(Pipeline().__call__, call={"prompt": "seven"}, steps=4) == (
        {"prompt": "seven", "num_inference_steps": 4},
        {},
    )


def test_the_generator_is_handed_over_unless_there_is_none_on_purpose() -> None:
    generator = torch.Generator()
    arguments, _ = assemble(Pipeline().__call__, case(steps=None), generator)
    assert arguments == {"generator": generator}
    assert "generator" not in assembled(Pipeline().__call__)[0]


def test_steps_by_stage_are_named_after_their_stage() -> None:
    arguments, _ = assembled(TwoStages().__call__, steps={"prior": 2, "decoder": 3})
    assert arguments == {"prior_num_inference_steps": 2, "decoder_num_inference_steps": 3}


def test_without_steps_the_pipelines_default_stays() -> None:
    assert assembled(Pipeline().__call__)[0] == {}


def test_images_are_asked_for_as_float_arrays_and_that_is_said() -> None:
    assert assembled(ImagePipeline().__call__) == ({"output_type": "np"}, {"output_type": "np"})


@pytest.mark.parametrize("output_type", ["pil", "latent", None])
def test_an_output_type_that_the_case_names_stays(output_type: str | None) -> None:
    assert assembled(ImagePipeline().__call__, call={"output_type": output_type}) == (
        {"output_type": output_type},
        {},
    )


def test_a_pipeline_whose_default_is_no_image_is_left_alone() -> None:
    def call(output_type: str = "pt") -> None: ...

    assert assembled(call) == ({}, {})


def test_an_unknown_argument_is_refused_naming_what_is_accepted() -> None:
    with pytest.raises(Rejection) as refused:
        assembled(Pipeline().__call__, call={"promt": "seven"})
    assert str(refused.value) == (
        "call.promt = 'seven': DDIMPipeline takes no `promt`; use one of these names. "
        "It takes: prompt, num_inference_steps, generator"
    )


def test_a_step_count_in_the_call_is_named_as_written() -> None:
    with pytest.raises(Rejection, match=r"^call\.num_inference_steps = 3: .* takes no `num_inference_steps`"):
        assembled(TwoStages().__call__, steps={"prior": 3}, call={"num_inference_steps": 3})


def test_steps_that_the_pipeline_does_not_take_are_refused() -> None:
    with pytest.raises(
        Rejection, match=r"^steps = '3': .* takes no `num_inference_steps`; .*or leave `steps` out"
    ):
        assembled(TwoStages().__call__, steps=3)
    with pytest.raises(Rejection, match="takes no `denoiser_num_inference_steps`"):
        assembled(TwoStages().__call__, steps={"denoiser": 3})


def test_a_generator_that_the_pipeline_does_not_take_is_refused_with_the_way_out() -> None:
    with pytest.raises(
        Rejection, match=r"^generator = 'cpu': .* takes no `generator`; set `generator: none`"
    ):
        assemble(TwoStages().__call__, case(steps=None), torch.Generator())


def test_a_pipeline_that_takes_anything_gets_everything() -> None:
    assert assembled(Anything().__call__, call={"prompt": "x"}, steps=2)[0] == {
        "prompt": "x",
        "num_inference_steps": 2,
    }


def test_whether_a_pipeline_takes_a_generator() -> None:
    assert takes_generator(Pipeline().__call__)
    assert not takes_generator(TwoStages().__call__)
