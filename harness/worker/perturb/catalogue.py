"""The perturbations by name, and how one is planted in a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from enum import Enum

from diffusers import DiffusionPipeline

from harness.core.measured.mutants import default_strength
from harness.core.perturbation import Perturbation
from harness.worker.perturb import benign, invariant
from harness.worker.perturb.mutants import (
    decoding,
    denoiser,
    guidance,
    post_processing,
    precision,
    scheduler,
    seeding,
    structure,
    text_encoding,
)
from harness.worker.perturb.site import Plant, Site


class Where(Enum):
    """Whether a perturbation acts inside the components, or in the pipeline's code between them.

    The recorder and forced replay work at the components' boundary. A change INSIDE shows as a different output of
    a component, a change BETWEEN as a different input.
    """

    INSIDE = "inside"
    BETWEEN = "between"


_FAULTS = (
    scheduler,
    guidance,
    text_encoding,
    denoiser,
    precision,
    decoding,
    post_processing,
    seeding,
    structure,
)

CATALOGUE: Mapping[str, tuple[Where, Plant]] = {
    "benign.ulp": (Where.INSIDE, benign.ulp),
    "benign.attention_processor": (Where.INSIDE, benign.attention_processor),
    **{f"invariant.{name}": (Where.BETWEEN, plant) for name, plant in invariant.VARIATIONS.items()},
    **{name: (Where.INSIDE, plant) for module in _FAULTS for name, plant in module.INSIDE.items()},
    **{name: (Where.BETWEEN, plant) for module in _FAULTS for name, plant in module.BETWEEN.items()},
}


class Perturbed:
    """A run with or without a perturbation, planted around the recorder's own listeners."""

    def __init__(self, pipeline: DiffusionPipeline, perturbation: Perturbation | None) -> None:
        self._perturbation = perturbation
        self._pipeline = pipeline
        self._site: Site | None = None

    @property
    def acted(self) -> int | None:
        """How often the perturbation was triggered; None for a run without one."""
        if self._perturbation is None:
            return None
        return self._site.acted if self._site else 0

    @contextmanager
    def planted(self, where: Where) -> Iterator[None]:
        """While open, plant the perturbation if it acts there.

        Raises NotApplicable, and KeyError for an unknown name.
        """
        with ExitStack() as stack:
            if self._perturbation is not None:
                place, plant = CATALOGUE[self._perturbation.name]
                if place is where:
                    one = self._perturbation
                    strength = default_strength(one.name) if one.strength is None else one.strength
                    self._site = Site(self._pipeline, stack, strength, one.seed)
                    plant(self._site)
            yield
