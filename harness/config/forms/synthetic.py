"""`$noise` and `$gradient`: synthetic inputs whose bits depend only on the config."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from harness.config.fields import Dtype, Positive, Seed, Strict, worded
from harness.config.forms.form import Check, Form
from harness.config.validation import validation_problems
from harness.config.wording import joined, shown
from harness.errors import Problem

MAX_ELEMENTS = 2**28
_IMAGE_SHAPES = "[height, width], [height, width, 3] or, for frames, [count, height, width, 3]"

Shape = Annotated[
    list[Positive],
    Field(
        min_length=1,
        max_length=8,
        json_schema_extra=worded("a list of 1 to 8 whole numbers greater than 0"),
    ),
]
Container = Literal["tensor", "array", "image"]


class Noise(Strict):
    """Noise of a shape; an image is uniform 8-bit noise, and a shape with frames gives a list of images."""

    shape: Shape = Field(description=f"all dimensions; for `as: image` {_IMAGE_SHAPES}")
    seed: Seed = Field(default=0, description="another seed gives other noise")
    dtype: Dtype = Field(default="float32", description="the dtype of the tensor or array")
    kind: Literal["normal", "uniform"] = Field(
        default="normal",
        description="normal: mean 0 and variance 1; uniform: from 0 to 1, the only kind for images",
    )
    container: Container = Field(
        default="tensor", alias="as", description="a torch tensor, a numpy array or a PIL image"
    )


class Gradient(Strict):
    """A picture that rises smoothly from 0 to 1, different in each channel."""

    shape: Shape = Field(description=f"all dimensions; for `as: image` {_IMAGE_SHAPES}")
    dtype: Dtype = Field(default="float32", description="the dtype of the tensor or array")
    container: Container = Field(
        default="image", alias="as", description="a PIL image, a numpy array or a torch tensor"
    )


def _checked(model: type[Noise | Gradient]) -> Check:
    def check(key: str, argument: object) -> Iterator[Problem]:
        try:
            made = model.model_validate(argument)
        except ValidationError as error:
            yield from validation_problems(error, argument, model.model_json_schema(), key)
        else:
            for name, message in _across_keys(made):
                yield Problem("", joined(key, name), shown(getattr(made, name)), message)

    return check


def _across_keys(made: Noise | Gradient) -> Iterator[tuple[str, str]]:
    """The keys whose values are valid alone but not together, and why."""
    elements = math.prod(made.shape)
    if elements > MAX_ELEMENTS:
        yield "shape", f"holds {elements:,} elements; at most {MAX_ELEMENTS:,} are allowed"
    if made.container == "image":
        yield from _image_keys(made)
    elif made.container == "array" and made.dtype == "bfloat16":
        yield "dtype", "numpy has no bfloat16; use another dtype, or `as: tensor`"


def _image_keys(made: Noise | Gradient) -> Iterator[tuple[str, str]]:
    dimensions = len(made.shape)
    if dimensions != 2 and (dimensions not in (3, 4) or made.shape[-1] != 3):
        yield "shape", f"`as: image` takes {_IMAGE_SHAPES}"
    if "dtype" in made.model_fields_set:
        yield "dtype", "an image has 8-bit pixels; leave it out"
    if isinstance(made, Noise) and made.kind == "normal" and "kind" in made.model_fields_set:
        yield "kind", "an image is uniform noise; leave it out"


NOISE = Form(Noise.model_json_schema, _checked(Noise))
GRADIENT = Form(Gradient.model_json_schema, _checked(Gradient))
