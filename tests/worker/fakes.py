"""Small pipelines that do on purpose what real ones do by accident, loaded from the built-in digits."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from diffusers import DDIMPipeline, DDIMScheduler, DiffusionPipeline, UNet2DModel
from diffusers.utils.import_utils import requires_backends


class Digits(DiffusionPipeline):
    """The parts of the built-in digits, without their behaviour."""

    def __init__(self, unet: UNet2DModel, scheduler: DDIMScheduler) -> None:
        super().__init__()
        self.register_modules(unet=unet, scheduler=scheduler)


class Combined(Digits):
    """Holds pipelines with the same parts, as the combined ones of diffusers do; one copies the scheduler."""

    def __init__(self, unet: UNet2DModel, scheduler: DDIMScheduler) -> None:
        super().__init__(unet, scheduler)
        self.inner_pipe = Digits(unet, scheduler)
        self.copying_pipe = DDIMPipeline(unet, scheduler)


class TwoSchedulers(DiffusionPipeline):
    """No scheduler of its is called `scheduler`."""

    def __init__(self, first: DDIMScheduler, second: DDIMScheduler) -> None:
        super().__init__()
        self.register_modules(first=first, second=second)


class Training(Digits):
    """Comes with a part in train mode."""

    def __init__(self, unet: UNet2DModel, scheduler: DDIMScheduler) -> None:
        super().__init__(unet.train(), scheduler)


class NeedsAbsentModule(Digits):
    """Imports a package that nobody has."""

    @classmethod
    def from_pretrained(cls, *args: Any, **kwargs: Any) -> Any:
        import no_such_package_anywhere  # type: ignore[import-not-found]  # noqa: F401


class NeedsAbsentBackend(Digits):
    """Asks for a backend of diffusers that is not installed; a test takes `inflect` away."""

    @classmethod
    def from_pretrained(cls, *args: Any, **kwargs: Any) -> Any:
        requires_backends(cls, ["inflect"])


class NeedsAbsentName(Digits):
    """Imports from an installed package what that does not have (any more)."""

    @classmethod
    def from_pretrained(cls, *args: Any, **kwargs: Any) -> Any:
        from torch import no_such_name  # type: ignore[attr-defined]  # noqa: F401


class NeedsAbsentSubmodule(Digits):
    """Imports a module that an installed package does not have (any more)."""

    @classmethod
    def from_pretrained(cls, *args: Any, **kwargs: Any) -> Any:
        import torch.no_such_module  # type: ignore[import-not-found]  # noqa: F401


class Drawing(Digits):
    """Draws from the generators that it is told to, and returns what it drew."""

    def __call__(self, sources: str = "", generator: torch.Generator | None = None) -> dict[str, Any]:
        draws = {
            "passed": lambda: torch.randn(4, generator=generator),
            "torch": lambda: torch.randn(4),
            "numpy": lambda: np.random.randn(4),
            "python": lambda: [random.random() for _ in range(4)],
        }
        return {source: draws[source]() for source in sources.split()}


class DrawingWithoutGenerator(Digits):
    """Takes no generator at all."""

    def __call__(self) -> dict[str, Any]:
        return {"torch": torch.randn(4)}


class Returning(Digits):
    """Returns what is asked for."""

    def __call__(self, kind: str) -> Any:
        self.set_progress_bar_config(leave=False)
        made: dict[str, Any] = {
            "absent": SimpleNamespace(images=None, score=0.5),
            "unknown": (torch.zeros(1), object()),
            "grad": torch.ones(1, requires_grad=True) * torch.is_grad_enabled(),
        }
        return made[kind]


class Raising(Digits):
    """Raises after it has left a mess behind."""

    def __call__(self, text: str) -> Any:
        raise ValueError(text)


class Meddling(Digits):
    """Turns a switch while it runs."""

    def __call__(self) -> Any:
        torch.use_deterministic_algorithms(False)
        return torch.zeros(1)


ALL = (
    Digits,
    Combined,
    TwoSchedulers,
    Training,
    NeedsAbsentModule,
    NeedsAbsentBackend,
    NeedsAbsentName,
    NeedsAbsentSubmodule,
    Drawing,
    DrawingWithoutGenerator,
    Returning,
    Raising,
    Meddling,
)
