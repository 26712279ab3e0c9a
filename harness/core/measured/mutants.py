"""The faults that can be planted in a run, by name: what each one is, and its strength if it has one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Category(StrEnum):
    """The part of a pipeline that contains a fault; the first part of its name."""

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
class Mutant:
    """One fault: its name `<category>.<fault>` in the worker's catalogue, and what it does in a sentence.

    `strength` is its default relative size, None for a fault that is either present or not;
    `ladder` says whether it is tried at every strength of LADDER as well.
    """

    name: str
    description: str
    strength: float | None = None
    ladder: bool = False

    @property
    def category(self) -> Category:
        """The part of the pipeline that contains it."""
        return Category(self.name.partition(".")[0])


LADDER = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
"""The strengths that are tried to find the smallest one that is detected."""

_SCHEDULER = (
    Mutant("scheduler.timesteps_off_by_one", "all timesteps of the schedule are one lower"),
    Mutant("scheduler.denoiser_timestep", "the denoiser is told a timestep one lower than the schedule's"),
    Mutant("scheduler.step_scaled", "what a step returns is too large", 1e-3, ladder=True),
    Mutant("scheduler.eta_added", "steps take eta 0.1 where they are handed 0"),
    Mutant("scheduler.eta_ignored", "steps take eta 0 whatever they are handed"),
    Mutant(
        "scheduler.final_alpha", "the finished picture's alpha is the first of the model, or one, wrongly"
    ),
    Mutant("scheduler.final_sigma", "the last sigma is the model's smallest where it is zero, or zero"),
    Mutant("scheduler.betas_scaled", "the betas are too large", 1e-3, ladder=True),
    Mutant("scheduler.beta_schedule", "the betas are linear where their roots should be, or the reverse"),
    Mutant("scheduler.sigma_shift", "the sigmas of the schedule are too large", 1e-3, ladder=True),
    Mutant(
        "scheduler.timestep_spacing", "the timesteps are spaced trailing, or leading where they should be"
    ),
    Mutant("scheduler.clip_sample", "the guess of the finished picture is not clipped, or is and should not"),
    Mutant("scheduler.prediction_type", "the model's output is taken for another kind of prediction"),
    Mutant("scheduler.one_step_fewer", "the schedule has one step less than is asked for"),
    Mutant("scheduler.one_step_more", "the schedule has one step more than is asked for"),
    Mutant("scheduler.init_noise_sigma", "the scale of the first noise is too large", 1e-3, ladder=True),
    Mutant("scheduler.previous_timestep", "a step goes to another timestep than the next one"),
    Mutant("scheduler.variance_scaled", "the noise that a step adds is too large", 1e-3, ladder=True),
    Mutant("scheduler.input_unscaled", "the denoiser's input is not scaled by the sigma"),
)

_GUIDANCE = (
    Mutant("guidance.scale", "the guidance scale is too large", 1e-3, ladder=True),
    Mutant("guidance.late_scale", "the guidance scale is too large from the middle step on", 1e-2),
    Mutant("guidance.swapped", "the unconditional prediction is taken for the conditional one"),
    Mutant(
        "guidance.rescaled",
        "the guided prediction is partly rescaled to the conditional one's deviation",
        0.1,
    ),
    Mutant("guidance.off_once", "one step goes without guidance"),
)

_TEXT = (
    Mutant("text_encoding.token_dropped", "the tokenizer drops the prompt's last token"),
    Mutant("text_encoding.token_order", "the tokenizer exchanges the prompt's first two tokens"),
    Mutant("text_encoding.mask_ignored", "the attention masks cover the padding as well"),
    Mutant("text_encoding.final_norm_skipped", "the text encoder's last norm is not applied"),
    Mutant("text_encoding.hidden_layer", "the text encoder's last but one layer is taken for the last"),
    Mutant("text_encoding.pooled_projection_off", "the pooled embedding is not projected"),
    Mutant("text_encoding.position_off_by_one", "the position embeddings are those of the next token"),
    Mutant("text_encoding.embeddings_scaled", "the text embeddings are too large", 1e-3, ladder=True),
)

_DENOISER = (
    Mutant("denoiser.head_zeroed", "one head of one attention gives zeros"),
    Mutant("denoiser.softmax_scale", "the scale before the softmax is too large", 1e-2, ladder=True),
    Mutant("denoiser.norm_eps", "the epsilon of every group norm is a tenth of what it should be"),
    Mutant("denoiser.norm_eps_once", "the epsilon of one group norm is a tenth of what it should be"),
    Mutant("denoiser.norm_skipped", "the last norm is not applied"),
    Mutant("denoiser.activation_swapped", "one block has another activation"),
    Mutant("denoiser.residual_scaled", "what one block returns is too large", 1e-3, ladder=True),
    Mutant("denoiser.residual_dropped", "one block does not add its input to its output"),
    Mutant("denoiser.skip_dropped", "one skip connection is cut"),
    Mutant("denoiser.upsample_mode", "upsampling interpolates bilinearly, not to the nearest"),
    Mutant(
        "denoiser.time_embedding_flip", "the halves of the time embedding, sine and cosine, are exchanged"
    ),
    Mutant("denoiser.bias_dropped", "one layer does not add its bias"),
    Mutant("denoiser.weight_element", "one element of one weight is off", 1e-2, ladder=True),
    Mutant("denoiser.weight_transposed", "the kernel of one convolution is transposed"),
    Mutant("denoiser.late_calls", "the output is too large from the second call on", 1e-3),
)

_PRECISION = (
    Mutant("precision.weight_bf16", "one weight of the denoiser is rounded to bfloat16"),
    Mutant("precision.block_bf16", "what one block of the denoiser returns is rounded to bfloat16"),
    Mutant("precision.attention_bf16", "all attention of the denoiser is computed in bfloat16"),
    Mutant("precision.latents_fp16", "the denoiser's input is rounded to float16"),
    Mutant("precision.time_embedding_fp16", "the time embedding is rounded to float16"),
    Mutant("precision.schedule_fp16", "the scheduler's betas and sigmas are rounded to float16"),
    Mutant("precision.vae_fp16", "the VAE computes in float16"),
)

_DECODING = (
    Mutant(
        "decoding.scaling_factor", "the latents are divided by too large a scaling factor", 1e-3, ladder=True
    ),
    Mutant("decoding.shift", "the latents are shifted before they are decoded", 1e-2, ladder=True),
    Mutant("decoding.tile_seam", "the halves of the latents are decoded apart, with a hard seam"),
    Mutant("decoding.post_quant_skipped", "the convolution before the decoder is not applied"),
    Mutant("decoding.norm_skipped", "the decoder's last norm is not applied"),
    Mutant("decoding.upsample_mode", "the decoder interpolates bilinearly, not to the nearest"),
)

_POST = (
    Mutant("post_processing.rounded", "the picture is rounded to 256 levels"),
    Mutant("post_processing.not_denormalized", "the picture is not mapped from -1 … 1 to 0 … 1"),
    Mutant("post_processing.not_clamped", "values beyond 0 … 1 are let through"),
    Mutant("post_processing.channels_swapped", "red and blue are exchanged"),
    Mutant("post_processing.transposed", "rows and columns are exchanged"),
    Mutant("post_processing.gamma", "the picture's gamma is too large", 1e-3, ladder=True),
    Mutant("post_processing.shifted", "the picture is too bright by a constant", 1e-3, ladder=True),
)

_SEEDING = (
    Mutant("seeding.other_seed", "the generator is seeded with the next number"),
    Mutant("seeding.extra_draw", "the generator is asked for one number before the first noise"),
    Mutant("seeding.reseeded", "the generator starts anew before every noise, so all are the same"),
    Mutant("seeding.other_stream", "noise is drawn in float64 and rounded, which is another stream"),
    Mutant("seeding.noise_scaled", "all noise is too large", 1e-3, ladder=True),
    Mutant("seeding.noise_shared", "every item of a batch gets the noise of the first"),
    Mutant("seeding.noise_transposed", "the noise is laid out with its last two axes exchanged"),
)

_STRUCTURE = (
    Mutant("structure.train_mode", "the denoiser is left in train mode"),
    Mutant("structure.dropout", "one dropout of the denoiser drops a tenth"),
    Mutant("structure.layer_order", "two adjacent layers of one shape are run in the wrong order"),
    Mutant("structure.module_skipped", "one block of the denoiser is not run"),
    Mutant("structure.module_repeated", "one block of the denoiser is run twice"),
)

MUTANTS: Mapping[str, Mutant] = {
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
    """The default strength of a fault; None for a fault without one, and for an unknown name."""
    return MUTANTS[name].strength if name in MUTANTS else None
