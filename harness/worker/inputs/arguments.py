"""Assemble the keyword arguments of the pipeline's call, with everything that the case names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping

import torch

from harness.core.case import Case, GeneratorKind
from harness.worker.environment.releases import ModularPipeline
from harness.worker.inputs.inputs import call_arguments
from harness.worker.model_files import modular
from harness.worker.rejection import NotTaken


def assemble(
    call: Callable[..., object], case: Case, generator: torch.Generator | None
) -> tuple[dict[str, object], dict[str, object]]:
    """The arguments for `call`, a pipeline, and those that the harness filled in.

    Raises NotTaken, which lists the accepted arguments, for an argument that the pipeline does not take.
    """
    arguments = {**call_arguments(case), **_steps(case)}
    if case.generator is not GeneratorKind.NONE:
        arguments["generator"] = generator
    accepted = parameters(call)
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in accepted.values())
    for name in arguments:
        if name not in accepted and not takes_any:
            raise _not_taken(name, case, [key for key in accepted if key != "self"])
    filled_in = _float_images(accepted, arguments)
    if isinstance(call, ModularPipeline) and modular.OUTPUT not in arguments:
        filled_in[modular.OUTPUT] = modular.all_outputs(call)
    return {**arguments, **filled_in}, filled_in


def parameters(call: Callable[..., object]) -> Mapping[str, inspect.Parameter]:
    """The parameters of a pipeline, or of any other callable."""
    return (
        modular.parameters(call) if isinstance(call, ModularPipeline) else inspect.signature(call).parameters
    )


def takes_generator(call: Callable[..., object]) -> bool:
    """Whether `call` has a parameter named `generator`."""
    return "generator" in parameters(call)


def _steps(case: Case) -> dict[str, object]:
    if case.steps is None:
        return {}
    if isinstance(case.steps, int):
        return {"num_inference_steps": case.steps}
    return {steps_parameter(stage): count for stage, count in case.steps.items()}


def steps_parameter(stage: str) -> str:
    """The parameter that `steps: {STAGE: count}` sets; a full parameter name is used unchanged."""
    return stage if stage.endswith("num_inference_steps") else f"{stage}_num_inference_steps"


def _float_images(
    accepted: Mapping[str, inspect.Parameter], given: Mapping[str, object]
) -> dict[str, object]:
    # 8-bit pixels hide differences below one grey level, so the harness asks for float arrays.
    parameter = accepted.get("output_type")
    if parameter is not None and "output_type" not in given and parameter.default == "pil":
        return {"output_type": "np"}
    return {}


def _not_taken(name: str, case: Case, accepted: list[str]) -> NotTaken:
    key: str
    value: object
    if name == "generator":
        key, value, step = "generator", str(case.generator), "set `generator: none`"
    elif name in case.call:
        key, value, step = f"call.{name}", case.call[name], "use one of these names"
    else:
        key, value, step = "steps", str(case.steps), "name the steps it takes, or leave `steps` out"
    return NotTaken(key, value, f"{case.pipeline} takes no `{name}`; {step}. It takes: {', '.join(accepted)}")
