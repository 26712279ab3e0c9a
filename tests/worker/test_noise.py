"""What stays in the log, what is kept, and what of a text is the same on every machine and in every run."""

from __future__ import annotations

import tempfile

import pytest

from harness.worker.noise import MOST_CHARACTERS, NOISE, in_brief, is_noise

# As diffusers, transformers, accelerate, peft, huggingface_hub and torch word them.
KEPT = [
    ("diffusers", "The following part of your input was truncated because CLIP can only handle sequences up to 77 "
                  "tokens: ['seven']"),
    ("diffusers", "FutureWarning: the output_type latents is outdated and has been set to `np`. Please make sure to "
                  "set it to one of these instead: `pil`, `np`, `pt`, `latent`"),
    ("diffusers", "FutureWarning: The configuration file of this scheduler: DDIMScheduler is outdated. `steps_offset`"
                  " should be set to 1 instead of 0."),
    ("diffusers", "FutureWarning: Passing `image` as torch tensor with value range in [-1,1] is deprecated. The "
                  "expected value range is [0,1]. You passed `image` with value range [-1.0,1.0]"),
    ("diffusers", "FutureWarning: `scale` is deprecated and will be ignored. Remove it from the call."),
    ("diffusers", "Keyword arguments {'image_encoder_2': None} are not expected by X and will be ignored."),
    ("diffusers", "The config attributes {'clip_sampel': True} were passed to DDIMScheduler, but are not expected and "
                  "will be ignored. Please verify your scheduler_config.json configuration file."),
    ("diffusers", "Guidance scale 7.5 is ignored for step-wise distilled models."),
    ("diffusers", "`height` and `width` have to be divisible by 16 but are 100 and 100. Dimensions will be resized."),
    ("diffusers", "You have passed 3 text prompts but only 1 initial images."),
    ("transformers", "`max_length` is ignored when `padding`=`True` and there is no truncation strategy."),
    ("peft", "Adapter name 'one' should not be contained in the prefix."),
    ("numpy", "RuntimeWarning: invalid value encountered in cast"),
    ("torch", "The given NumPy array is not writable, and PyTorch does not support non-writable tensors."),
    ("my_pipeline", "my own scheduler takes no generator"),
]  # fmt: skip
LEFT_OUT = [
    ("diffusers", "FutureWarning: `Transformer2DModelOutput` is deprecated and will be removed in version 1.0.0."),
    ("diffusers", "FutureWarning: Passing `callback` as an input argument to `__call__` is deprecated, consider using "
                  "`callback_on_step_end`"),
    ("transformers", "`torch_dtype` is deprecated! Use `dtype` instead!"),
    ("torch", "DeprecationWarning: `torch.jit.script` is not supported in Python 3.14+"),
    ("python", "ResourceWarning: unclosed file <_io.BufferedReader>"),
    ("diffusers", "You have disabled the safety checker for <class 'X'> by passing `safety_checker=None`. Ensure that"),
    ("diffusers", "Cannot initialize model with low cpu memory usage because `accelerate` was not found. Defaulting to "
                  "`low_cpu_mem_usage=False`."),
    ("diffusers", "xformers is not available. Consider installing it for better speed"),
    ("transformers", "Token indices sequence length is longer than the specified maximum sequence length for this "
                     "model (82 > 77). Running this sequence through the model will result in indexing errors"),
    ("transformers", "Some weights of the model checkpoint at x were not used when initializing CLIPTextModel: ['a']"),
    ("transformers", "The new embeddings will be initialized from a multivariate normal distribution that has old "
                     "embeddings' mean and covariance."),
    ("transformers", "Using a slow image processor as `use_fast` is unset and a slow processor was saved."),
    ("huggingface_hub", "`huggingface_hub` cache-system uses symlinks by default"),
    ("huggingface_hub", "Xet Storage is enabled for this repo, but the 'hf_xet' package is not installed."),
    ("huggingface_hub", "You are sending unauthenticated requests to the HF Hub."),
    ("urllib3", "Retrying (Retry(total=4)) after connection broken"),
]  # fmt: skip


@pytest.mark.parametrize(("library", "text"), KEPT)
def test_what_says_something_of_this_run_is_kept(library: str, text: str) -> None:
    assert not is_noise(library, text)


@pytest.mark.parametrize(("library", "text"), LEFT_OUT)
def test_what_says_nothing_of_it_stays_in_the_log(library: str, text: str) -> None:
    assert is_noise(library, text)


def test_every_entry_gives_its_reason() -> None:
    assert all(noise.why for noise in NOISE)


@pytest.mark.parametrize(
    ("text", "brief"),
    [
        ("two\n  lines\tand \x1b[31mred\x1b[0m", "two lines and red"),
        ("<Scheduler object at 0x7f3a2c1b4d90> takes none", "<Scheduler object at 0x…> takes none"),
        ("at 2026-01-02 03:04:05,678 and 2026-01-02T03:04Z", "at <time> and <time>"),
        ("in /home/me/.cache/huggingface/hub/models--x/config.json, line 3", "in …/config.json, line 3"),
        ("~/models/mine/unet is old", "…/unet is old"),
        (f"'{tempfile.gettempdir()}/tmpab12/model' lacks", "'<temporary>' lacks"),
        (
            "see https://huggingface.co/docs/diffusers/en/api",
            "see https://huggingface.co/docs/diffusers/en/api",
        ),
        ("either/or, 3/4, ./inputs/seven.png, org/model", "either/or, 3/4, ./inputs/seven.png, org/model"),
        ("x" * 1000, "x" * (MOST_CHARACTERS - 1) + "…"),
    ],
)
def test_what_differs_from_machine_to_machine_or_run_to_run_is_left_out(text: str, brief: str) -> None:
    assert in_brief(text) == brief
