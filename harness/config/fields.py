"""The kinds of text and number in configs, shared by the models of a file and of its forms."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

NAME_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*$"
MATRIX_KEY_PATTERN = r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$"


def text(pattern: str, accepted: str) -> Any:
    """Restricts a `str` to `pattern`; editors and problems describe it as `accepted`."""
    return Field(pattern=pattern, json_schema_extra=worded(accepted))


def bounded(description: str, reason: str, **bounds: Any) -> Any:
    """An optional limit; outside of `bounds` it could not fail, for this `reason`."""
    sides = {"gt": "greater than", "ge": "from", "lt": "below"}
    accepted = ", ".join(f"{sides[name]} {value:.10g}" for name, value in bounds.items())
    words = worded(f"a number {accepted}: {reason}")
    return Field(default=None, description=description, json_schema_extra=words, **bounds)


def worded(accepted: str) -> dict[str, Any]:
    """The message of a JSON Schema for editors and problems, instead of one made from its keywords."""
    return {"errorMessage": f"expected {accepted}"}


Name = Annotated[str, text(NAME_PATTERN, "a name of letters, digits and '_'")]
Tag = Annotated[str, text("^[a-z0-9][a-z0-9-]*$", "a name of a-z, 0-9 and '-'")]
MatrixKey = Annotated[str, text(MATRIX_KEY_PATTERN, "a key of this file, dots between its parts")]
Filled = Annotated[str, text(r"^[^\x00]+$", "a text that is not empty")]
WeightFile = Annotated[
    str, text(r"^[^\x00]+\.safetensors$", "a .safetensors file's name (pickles are not read)")
]
IpAdapterFile = Annotated[
    str,
    text(
        r"^[^\x00]+\.safetensors$",
        "a .safetensors file's name (pickles are not read: convert a .bin if you trust it, with "
        "safetensors.torch.save_file({f'{part}.{name}': one.contiguous() for part, tensors in "
        "torch.load(FILE, weights_only=True).items() for name, one in tensors.items()}, 'FILE.safetensors'))",
    ),
]
Reason = Annotated[str, text(r"[^\s\x00]", "a reason in words")]
Positive = Annotated[int, Field(gt=0)]
Limit = Annotated[float, Field(ge=0)]
Seed = Annotated[int, Field(ge=0, le=2**64 - 1)]
Dtype = Literal["float32", "float16", "bfloat16", "float64"]
SomeNames = Annotated[
    list[Name], Field(min_length=1, json_schema_extra=worded("a list of at least one name"))
]


FLOATING = "why the revision floats; without a reason there is a warning; not part of the golden's definition"


class Strict(BaseModel):
    """A mapping that accepts the keys it names and no others, with values of exactly the right type."""

    # Parts of a file are built once, as part of the whole, and forms only if a file has one.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, defer_build=True)
