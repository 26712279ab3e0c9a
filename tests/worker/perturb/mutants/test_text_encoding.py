from __future__ import annotations

from typing import Any

import pytest
import torch

from harness.worker.perturb.site import NotApplicable
from tests.worker.perturb.planting import PROMPT, ddim, planted, stable_diffusion
from tests.worker.trace.runs import unclip


def ids(prompt: str | list[str]) -> torch.Tensor:
    tokenizer = stable_diffusion().tokenizer
    return tokenizer(prompt, padding="max_length", max_length=16, return_tensors="pt").input_ids


def encoded(**call: Any) -> Any:
    with torch.no_grad():
        return stable_diffusion().text_encoder(ids(PROMPT), **call)


@pytest.mark.parametrize(
    ("name", "prompt"), [("token_dropped", "a handwritten"), ("token_order", "handwritten a seven")]
)
def test_tokens_are_those_of_another_prompt(name: str, prompt: str) -> None:
    expected, empty = ids(prompt), ids("")
    with planted(stable_diffusion(), f"text_encoding.{name}") as perturbed:
        assert torch.equal(ids([PROMPT, ""]), torch.cat([expected, empty]))
        assert perturbed.acted == 1
        assert torch.equal(ids(""), empty)
        assert perturbed.acted == 1


def test_final_norm_skipped() -> None:
    with planted(stable_diffusion(), "text_encoding.final_norm_skipped"):
        found = encoded(output_hidden_states=True)
    assert torch.equal(found.last_hidden_state, found.hidden_states[-1])
    assert not torch.equal(found.last_hidden_state, encoded().last_hidden_state)


def test_hidden_layer() -> None:
    """CLIP's last norm follows the layers, so the last but one layer comes out normalised."""
    encoder = stable_diffusion().text_encoder
    norm = next(module for path, module in encoder.named_modules() if path.endswith("final_layer_norm"))
    with torch.no_grad():
        expected = norm(encoded(output_hidden_states=True).hidden_states[-2])
    with planted(stable_diffusion(), "text_encoding.hidden_layer"):
        assert torch.equal(encoded().last_hidden_state, expected)


def test_pooled_projection_off() -> None:
    encoder, tokens = unclip().text_encoder, ids(PROMPT)
    with torch.no_grad():
        right = encoder(tokens)
        weight = encoder.text_projection.weight
    with planted(unclip(), "text_encoding.pooled_projection_off"):
        found = encoder(tokens)
    assert torch.equal(found.last_hidden_state, right.last_hidden_state)
    torch.testing.assert_close(found.text_embeds @ weight.T, right.text_embeds, rtol=1e-4, atol=1e-5)


def test_position_off_by_one() -> None:
    encoder = stable_diffusion().text_encoder
    positions = torch.arange(1, 17).clamp(max=15)[None]
    with torch.no_grad():
        expected = encoder(ids(PROMPT), position_ids=positions).last_hidden_state
    with planted(stable_diffusion(), "text_encoding.position_off_by_one"):
        assert torch.equal(encoded().last_hidden_state, expected)


def test_masks_and_embeddings_of_the_denoiser() -> None:
    prior = unclip().prior
    names = "hidden_states", "proj_embedding"
    call: dict[str, Any] = {name: torch.linspace(-1, 1, 48)[None] for name in names}
    call["encoder_hidden_states"] = torch.linspace(-1, 1, 16 * 48).reshape(1, 16, 48)
    mask = torch.arange(16)[None] < 5

    def predicted(**other: Any) -> torch.Tensor:
        given = {**call, "attention_mask": mask, **other}
        return prior(timestep=10, **given).predicted_image_embedding

    with torch.no_grad():
        covered = predicted(attention_mask=torch.ones_like(mask))
        larger = predicted(encoder_hidden_states=call["encoder_hidden_states"] * 1.5)
    with planted(unclip(), "text_encoding.mask_ignored"):
        assert torch.equal(predicted(), covered)
    with planted(unclip(), "text_encoding.embeddings_scaled", 0.5):
        assert torch.equal(predicted(), larger)


def test_without_text_there_is_no_place() -> None:
    with pytest.raises(NotApplicable, match="no tokenizer"), planted(ddim(), "text_encoding.token_dropped"):
        pass
