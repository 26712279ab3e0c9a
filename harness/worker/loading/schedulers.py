"""Replace the model's own scheduler by the case's."""

from __future__ import annotations

import inspect
from typing import Any

from diffusers import DiffusionPipeline, SchedulerMixin

from harness.core.case import SchedulerSpec
from harness.worker.environment.classes import class_of_diffusers
from harness.worker.loading.pristine import holders
from harness.worker.rejection import Lacking, Rejection

_OTHER_NAME = "use one of these names"


def put_scheduler(pipeline: DiffusionPipeline, spec: SchedulerSpec | None) -> None:
    """Replace the pipeline's scheduler, wherever it is referenced, by the one that `spec` describes.

    Raises Rejection if the class or an option does not exist, or if it is ambiguous which scheduler to replace.
    """
    if spec is None:
        return
    before = getattr(pipeline, _component(pipeline, spec))
    after = _made(before, spec)
    for holder in holders(pipeline):
        for key, part in list(vars(holder).items()):
            if part is before:
                setattr(holder, key, after)


def _component(pipeline: DiffusionPipeline, spec: SchedulerSpec) -> str:
    own = [name for name, part in pipeline.components.items() if isinstance(part, SchedulerMixin)]
    if "scheduler" in own:
        return "scheduler"
    if len(own) != 1:
        message = f"the pipeline has {', '.join(own) or 'no scheduler'}; leave it out"
        raise Rejection("scheduler", spec.class_name, message)
    return own[0]


def _made(before: SchedulerMixin, spec: SchedulerSpec) -> SchedulerMixin:
    scheduler_class: type[Any] = (
        type(before) if spec.class_name is None else class_of_diffusers("scheduler.class", spec.class_name)
    )
    after = scheduler_class.from_config(before.config, **spec.options)
    # Only now: a class whose package is missing raises above and has no signature to read.
    accepted = [
        key for key in inspect.signature(scheduler_class.__init__).parameters if key not in ("self", "kwargs")
    ]
    for option, value in spec.options.items():
        if option not in accepted:
            fact = f"{scheduler_class.__name__} takes: {', '.join(accepted)}"
            raise Lacking(f"scheduler.{option}", value, fact, _OTHER_NAME, name=option)
    return after
