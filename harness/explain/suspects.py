"""Sort what differs between two environments by how likely it explains a finding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.core.capture import CaptureDocument
from harness.core.case import definition_changes
from harness.core.environment import Change, changes_between
from harness.core.results.explanation import Likelihood, Suspect
from harness.core.results.verdict import Divergence
from harness.judge.traces.stages import Stage

_DIFFUSERS = ("software.packages.diffusers",)
_TRANSFORMERS = ("software.packages.transformers",)
_TOKENIZERS = ("software.packages.tokenizers", "software.packages.sentencepiece", "software.packages.ftfy")
_KERNELS = (
    *("software.packages.torch", "hardware.gpu", "hardware.compute_capability", "hardware.multiprocessors"),
    *("software.cuda", "software.cudnn", "switches.", "software.packages.nvidia-cu", "platform"),
    *("hardware.cpu_model", "hardware.cpu_vendor", "hardware.machine", "hardware.device"),
    *("software.packages.triton", "software.packages.xformers", "software.packages.flash-attn"),
)
_PICTURES = (
    *("software.packages.pillow", "software.packages.numpy", "software.packages.opencv"),
    *("software.packages.imageio", "software.packages.invisible-watermark"),
)
_ADAPTERS = ("software.packages.peft", "software.packages.accelerate", "software.packages.bitsandbytes")
_RANDOM = ("software.packages.torch", "hardware.device", "hardware.multiprocessors", "hardware.gpu")

_FIRST: Mapping[str, tuple[str, ...]] = {
    Stage.INPUTS: ("definition.", *_DIFFUSERS, *_PICTURES),
    Stage.NOISE: (
        "definition.seed",
        "definition.generator",
        *_DIFFUSERS,
        *_RANDOM,
        "software.packages.torchsde",
    ),
    Stage.TEXT_ENCODING: ("weights.text_encoder", "model.commit", *_TRANSFORMERS, *_TOKENIZERS, *_DIFFUSERS),
    Stage.IMAGE_ENCODING: ("weights.", "model.commit", *_PICTURES, *_DIFFUSERS, *_TRANSFORMERS),
    Stage.DENOISER: ("weights.", "model.commit", *_DIFFUSERS, *_ADAPTERS),
    Stage.GUIDANCE: ("definition.call.guidance", *_DIFFUSERS),
    Stage.SCHEDULER: (
        "definition.scheduler",
        "definition.steps",
        "model.commit",
        *_DIFFUSERS,
        "software.packages.numpy",
    ),
    Stage.DECODING: ("weights.vae", "model.commit", *_DIFFUSERS),
    Stage.POST_PROCESSING: (*_DIFFUSERS, *_PICTURES),
}
"""What explains a difference in each stage, the most likely first."""

_OTHERWISE: Mapping[str, tuple[str, ...]] = {
    Stage.TEXT_ENCODING: _KERNELS,
    Stage.IMAGE_ENCODING: _KERNELS,
    Stage.DENOISER: (*_KERNELS, *_TRANSFORMERS),
    Stage.DECODING: _KERNELS,
    Stage.NOISE: _KERNELS,
}

ROUNDING = 1e-4
"""Up to this rel_l2, a network's difference looks like different kernels rather than different code."""

_NETWORKS = frozenset({Stage.TEXT_ENCODING, Stage.IMAGE_ENCODING, Stage.DENOISER, Stage.DECODING})


def changes(golden: CaptureDocument, now: CaptureDocument) -> tuple[Change, ...]:
    """Everything that differs between two captures except their outputs, by dotted name.

    `weights.unet` is the sha256 of a component's weights, `model.commit` the hub's commit, `definition.` the
    resolved case, `filled_in.` arguments that the harness added; the rest is as in `changes_between`.
    """
    commits = () if golden.commit == now.commit else (Change("model.commit", golden.commit, now.commit),)
    return (
        *_prefixed("definition", definition_changes(golden.definition, now.definition)),
        *_prefixed("filled_in", definition_changes(golden.filled_in, now.filled_in)),
        *commits,
        *_weights(golden.weights, now.weights),
        *changes_between(golden.environment, now.environment),
    )


def suspects(found: Divergence | None, changed: Sequence[Change]) -> tuple[Suspect, ...]:
    """The changes, those that explain the divergence best first; otherwise their order stays.

    A difference of at most ROUNDING that begins in a network points to kernels (torch, CUDA, the
    processor, switches), a larger one to the code and the weights.
    """
    first, then = _explaining(found)
    ranked = sorted(changed, key=lambda change: _rank(change.what, first, then))
    return tuple(Suspect(change, _likelihood(change.what, first, then)) for change in ranked)


def _explaining(found: Divergence | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if found is None:
        return (), ("",)
    first, then = _FIRST.get(found.stage, ()), _OTHERWISE.get(found.stage, ())
    small = found.rel_l2 is not None and found.rel_l2 <= ROUNDING
    if found.stage in _NETWORKS and small:
        weights = tuple(start for start in first if start.startswith("weights"))
        return (*weights, *_KERNELS), tuple(start for start in first if start not in weights)
    return first, then


def _rank(what: str, first: tuple[str, ...], then: tuple[str, ...]) -> int:
    starts = (*first, *then)
    return next((place for place, start in enumerate(starts) if what.startswith(start)), len(starts))


def _likelihood(what: str, first: tuple[str, ...], then: tuple[str, ...]) -> Likelihood:
    if what.startswith(first):
        return Likelihood.LIKELY
    return Likelihood.POSSIBLE if what.startswith(then) else Likelihood.UNLIKELY


def _prefixed(prefix: str, found: Sequence[Change]) -> list[Change]:
    return [Change(f"{prefix}.{one.what}", one.golden, one.now) for one in found]


def _weights(golden: Mapping[str, str], now: Mapping[str, str]) -> list[Change]:
    return [
        Change(f"weights.{name}", golden.get(name), now.get(name))
        for name in sorted(golden.keys() | now.keys())
        if golden.get(name) != now.get(name)
    ]
