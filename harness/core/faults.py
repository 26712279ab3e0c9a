"""The faults that can be planted in a run, by name: what each is, and how strong it is where it has a strength."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Category(StrEnum):
    """The part of a pipeline that a fault sits in; the first part of its name."""

    SCHEDULER = "scheduler"
    GUIDANCE = "guidance"
    TEXT_ENCODING = "text_encoding"
    DENOISER = "denoiser"
    PRECISION = "precision"
    DECODING = "decoding"
    POST_PROCESSING = "post_processing"
    SEEDING = "seeding"
    STRUCTURE = "structure"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: its name `<category>.<fault>` in the worker's catalogue, and what it does in a sentence.

    `strength` is the relative size that it has by default, None for one that is either there or not;
    `ladder` says whether it is tried at every strength of LADDER as well.
    """

    name: str
    description: str
    strength: float | None = None
    ladder: bool = False

    @property
    def category(self) -> Category:
        """The part of the pipeline it sits in."""
        return Category(self.name.partition(".")[0])


LADDER = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
"""The strengths that are tried to find the smallest one that is seen."""

_SCHEDULER = (
    Fault("scheduler.timesteps_off_by_one", "all timesteps of the schedule are one lower"),
    Fault("scheduler.denoiser_timestep", "the denoiser is told a timestep one lower than the schedule's"),
    Fault("scheduler.step_scaled", "what a step returns is too large", 1e-3, ladder=True),
    Fault("scheduler.eta_added", "steps take eta 0.1 where they are handed 0"),
    Fault("scheduler.eta_ignored", "steps take eta 0 whatever they are handed"),
    Fault("scheduler.final_alpha", "the finished picture's alpha is the first of the model, or one, wrongly"),
    Fault("scheduler.final_sigma", "the last sigma is the model's smallest where it is zero, or zero"),
    Fault("scheduler.betas_scaled", "the betas are too large", 1e-3, ladder=True),
    Fault("scheduler.beta_schedule", "the betas are linear where their roots should be, or the reverse"),
    Fault("scheduler.sigma_shift", "the sigmas of the schedule are too large", 1e-3, ladder=True),
    Fault("scheduler.timestep_spacing", "the timesteps are spaced trailing, or leading where they should be"),
    Fault("scheduler.clip_sample", "the guess of the finished picture is not clipped, or is and should not"),
    Fault("scheduler.prediction_type", "the model's output is taken for another kind of prediction"),
    Fault("scheduler.one_step_fewer", "the schedule has one step less than is asked for"),
    Fault("scheduler.one_step_more", "the schedule has one step more than is asked for"),
    Fault("scheduler.init_noise_sigma", "the scale of the first noise is too large", 1e-3, ladder=True),
    Fault("scheduler.previous_timestep", "a step goes to another timestep than the next one"),
    Fault("scheduler.variance_scaled", "the noise that a step adds is too large", 1e-3, ladder=True),
    Fault("scheduler.input_unscaled", "the denoiser's input is not scaled by the sigma"),
)

_GUIDANCE = (
    Fault("guidance.scale", "the guidance scale is too large", 1e-3, ladder=True),
    Fault("guidance.late_scale", "the guidance scale is too large from the middle step on", 1e-2),
    Fault("guidance.swapped", "the unconditional prediction is taken for the conditional one"),
    Fault(
        "guidance.rescaled",
        "the guided prediction is partly rescaled to the conditional one's deviation",
        0.1,
    ),
    Fault("guidance.off_once", "one step goes without guidance"),
)

_TEXT = (
    Fault("text_encoding.token_dropped", "the tokenizer drops the prompt's last token"),
    Fault("text_encoding.token_order", "the tokenizer exchanges the prompt's first two tokens"),
    Fault("text_encoding.mask_ignored", "the attention masks cover the padding as well"),
    Fault("text_encoding.final_norm_skipped", "the text encoder's last norm is not applied"),
    Fault("text_encoding.hidden_layer", "the text encoder's last but one layer is taken for the last"),
    Fault("text_encoding.pooled_projection_off", "the pooled embedding is not projected"),
    Fault("text_encoding.position_off_by_one", "the position embeddings are those of the next token"),
    Fault("text_encoding.embeddings_scaled", "the text embeddings are too large", 1e-3, ladder=True),
)

_DENOISER = (
    Fault("denoiser.head_zeroed", "one head of one attention gives zeros"),
    Fault("denoiser.softmax_scale", "the scale before the softmax is too large", 1e-2, ladder=True),
    Fault("denoiser.norm_eps", "the epsilon of every group norm is a tenth of what it should be"),
    Fault("denoiser.norm_eps_once", "the epsilon of one group norm is a tenth of what it should be"),
    Fault("denoiser.norm_skipped", "the last norm is not applied"),
    Fault("denoiser.activation_swapped", "one block has another activation"),
    Fault("denoiser.residual_scaled", "what one block returns is too large", 1e-3, ladder=True),
    Fault("denoiser.residual_dropped", "one block does not add its input to its output"),
    Fault("denoiser.skip_dropped", "one skip connection is cut"),
    Fault("denoiser.upsample_mode", "upsampling interpolates bilinearly, not to the nearest"),
    Fault("denoiser.time_embedding_flip", "the halves of the time embedding, sine and cosine, are exchanged"),
    Fault("denoiser.bias_dropped", "one layer does not add its bias"),
    Fault("denoiser.weight_element", "one element of one weight is off", 1e-2, ladder=True),
    Fault("denoiser.weight_transposed", "the kernel of one convolution is transposed"),
    Fault("denoiser.late_calls", "the output is too large from the second call on", 1e-3),
)

_PRECISION = (
    Fault("precision.weight_bf16", "one weight of the denoiser is rounded to bfloat16"),
    Fault("precision.block_bf16", "what one block of the denoiser returns is rounded to bfloat16"),
    Fault("precision.attention_bf16", "all attention of the denoiser is computed in bfloat16"),
    Fault("precision.latents_fp16", "the denoiser's input is rounded to float16"),
    Fault("precision.time_embedding_fp16", "the time embedding is rounded to float16"),
    Fault("precision.schedule_fp16", "the scheduler's betas and sigmas are rounded to float16"),
    Fault("precision.vae_fp16", "the VAE computes in float16"),
)

_DECODING = (
    Fault(
        "decoding.scaling_factor", "the latents are divided by too large a scaling factor", 1e-3, ladder=True
    ),
    Fault("decoding.shift", "the latents are shifted before they are decoded", 1e-2, ladder=True),
    Fault("decoding.tile_seam", "the halves of the latents are decoded apart, with a hard seam"),
    Fault("decoding.post_quant_skipped", "the convolution before the decoder is not applied"),
    Fault("decoding.norm_skipped", "the decoder's last norm is not applied"),
    Fault("decoding.upsample_mode", "the decoder interpolates bilinearly, not to the nearest"),
)

_POST = (
    Fault("post_processing.rounded", "the picture is rounded to 256 levels"),
    Fault("post_processing.not_denormalized", "the picture is not mapped from -1 … 1 to 0 … 1"),
    Fault("post_processing.not_clamped", "values beyond 0 … 1 are let through"),
    Fault("post_processing.channels_swapped", "red and blue are exchanged"),
    Fault("post_processing.transposed", "rows and columns are exchanged"),
    Fault("post_processing.gamma", "the picture's gamma is too large", 1e-3, ladder=True),
    Fault("post_processing.shifted", "the picture is too bright by a constant", 1e-3, ladder=True),
)

_SEEDING = (
    Fault("seeding.other_seed", "the generator is seeded with the next number"),
    Fault("seeding.extra_draw", "the generator is asked for one number before the first noise"),
    Fault("seeding.reseeded", "the generator starts anew before every noise, so all are the same"),
    Fault("seeding.other_stream", "noise is drawn in float64 and rounded, which is another stream"),
    Fault("seeding.noise_scaled", "all noise is too large", 1e-3, ladder=True),
    Fault("seeding.noise_shared", "every item of a batch gets the noise of the first"),
    Fault("seeding.noise_transposed", "the noise is laid out with its last two axes exchanged"),
)

_STRUCTURE = (
    Fault("structure.train_mode", "the denoiser is left in train mode"),
    Fault("structure.dropout", "one dropout of the denoiser drops a tenth"),
    Fault("structure.layer_order", "two adjacent layers of one shape are run in the wrong order"),
    Fault("structure.module_skipped", "one block of the denoiser is not run"),
    Fault("structure.module_repeated", "one block of the denoiser is run twice"),
)

FAULTS: Mapping[str, Fault] = {
    fault.name: fault
    for fault in (
        *_SCHEDULER,
        *_GUIDANCE,
        *_TEXT,
        *_DENOISER,
        *_PRECISION,
        *_DECODING,
        *_POST,
        *_SEEDING,
        *_STRUCTURE,
    )
}  # fmt: skip
"""Every fault by its name, in the order of reports."""


def default_strength(name: str) -> float | None:
    """The strength that a fault has where none is given; None for one without, and for what is no fault."""
    return FAULTS[name].strength if name in FAULTS else None
