"""Tiny tokenizers over a local vocabulary, and the text and image encoders of transformers."""

from __future__ import annotations

import string
from typing import Any

import transformers
from transformers import (
    BertTokenizer,
    BlipImageProcessorPil,
    CLIPImageProcessor,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModel,
    CLIPVisionModelWithProjection,
    GPT2Tokenizer,
    LlamaTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Qwen2Tokenizer,
    RobertaTokenizer,
    T5EncoderModel,
    T5TokenizerFast,
    XLMRobertaTokenizer,
)

from tests.support.tiny.components import seeded

VOCABULARY_SIZE = 256
"""The size of every text encoder's embedding; each tokenizer below uses fewer ids."""


def clip_tokenizer(length: int = 16) -> CLIPTokenizer:
    """A byte-level BPE tokenizer of single characters, padding to `length` tokens with `<|endoftext|>`."""
    characters = string.ascii_lowercase + string.digits + ",.-!?"
    tokens = [
        "<|startoftext|>",
        *characters,
        *(f"{character}</w>" for character in characters),
        "<|endoftext|>",
    ]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    return CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=length)


def clip_config(width: int = 32, length: int = 16, **config: Any) -> CLIPTextConfig:
    """The settings of a two-layer CLIP text encoder whose special tokens are `clip_tokenizer`'s."""
    settings = {
        "vocab_size": VOCABULARY_SIZE,
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": length,
        "projection_dim": width,
        "bos_token_id": 0,
        "eos_token_id": 83,
        "pad_token_id": 83,
    }
    return CLIPTextConfig(**{**settings, **config})


def clip_text(width: int = 32, length: int = 16, seed: int = 0, **config: Any) -> CLIPTextModel:
    """A CLIP text encoder without projection."""
    return seeded(lambda: CLIPTextModel(clip_config(width, length, **config)), seed)


def clip_text_projected(
    width: int = 32, length: int = 16, seed: int = 1, **config: Any
) -> CLIPTextModelWithProjection:
    """A CLIP text encoder with its projection to `projection_dim` (default `width`)."""
    return seeded(lambda: CLIPTextModelWithProjection(clip_config(width, length, **config)), seed)


def clip_vision_config(width: int = 32, **config: Any) -> CLIPVisionConfig:
    """The settings of a two-layer CLIP image encoder for 32 x 32 images in patches of 8."""
    settings = {
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "image_size": 32,
        "patch_size": 8,
        "projection_dim": width,
    }
    return CLIPVisionConfig(**{**settings, **config})


def clip_vision(width: int = 32, seed: int = 2, **config: Any) -> CLIPVisionModelWithProjection:
    """A CLIP image encoder with its projection."""
    return seeded(lambda: CLIPVisionModelWithProjection(clip_vision_config(width, **config)), seed)


def clip_vision_plain(width: int = 32, seed: int = 2, **config: Any) -> CLIPVisionModel:
    """A CLIP image encoder without projection."""
    return seeded(lambda: CLIPVisionModel(clip_vision_config(width, **config)), seed)


def clip_processor(size: int = 32) -> CLIPImageProcessor:
    """The image processor that crops to what `clip_vision` reads."""
    return CLIPImageProcessor(size={"shortest_edge": size}, crop_size={"height": size, "width": size})


def t5_tokenizer(length: int = 16, name: str = "T5TokenizerFast") -> T5TokenizerFast:
    """A unigram tokenizer of single characters in the style of T5 (`<pad>` is 0, `</s>` 1, `<unk>` 2)."""
    characters = string.ascii_letters + string.digits + ",.-!?:;'\""
    tokens = ["<pad>", "</s>", "<unk>", "▁", *characters]
    scores = [(token, 0.0 if index < 3 else -2.0) for index, token in enumerate(tokens)]
    return getattr(transformers, name)(vocab=scores, extra_ids=0, model_max_length=length)


def t5_encoder(width: int = 32, seed: int = 3, kind: str = "T5", **config: Any) -> T5EncoderModel:
    """A two-layer T5 (or `kind="UMT5"`) encoder."""
    settings = {
        "vocab_size": VOCABULARY_SIZE,
        "d_model": width,
        "d_kv": 8,
        "d_ff": 2 * width,
        "num_layers": 2,
        "num_heads": 4,
        "feed_forward_proj": "gated-gelu",
    }
    model, settings_class = (
        getattr(transformers, f"{kind}EncoderModel"),
        getattr(transformers, f"{kind}Config"),
    )
    return seeded(lambda: model(settings_class(**{**settings, **config})), seed)


def bert_tokenizer(length: int = 16) -> BertTokenizer:
    """A word-piece tokenizer of single characters (`[PAD]` is 0, `[CLS]` 2, `[SEP]` 3)."""
    characters = string.ascii_lowercase + string.digits + ",.-!?"
    tokens = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *characters,
        *(f"##{character}" for character in characters),
    ]
    return BertTokenizer(vocab={token: index for index, token in enumerate(tokens)}, model_max_length=length)


def blip_processor(size: int = 32) -> BlipImageProcessorPil:
    """The image processor of BLIP, for `size` x `size` pixels."""
    return BlipImageProcessorPil(size={"height": size, "width": size})


def _byte_level(*special: str) -> dict[str, int]:
    """Printable characters as bytes after the `special` tokens (`Ġ` is the space, `Ċ` the newline)."""
    characters = [*string.ascii_letters, *string.digits, *string.punctuation, "Ġ", "Ċ"]
    return {token: index for index, token in enumerate([*special, *characters])}


def _piece_level(*special: str) -> dict[str, int]:
    """Printable characters after the `special` tokens (`▁` is the space)."""
    characters = [*string.ascii_letters, *string.digits, *string.punctuation, "▁", "\n"]
    return {token: index for index, token in enumerate([*special, *characters])}


def gemma_tokenizer(length: int = 16, name: str = "GemmaTokenizer") -> PreTrainedTokenizerBase:
    """A tokenizer of single characters in the style of Gemma (`<pad>` is 0, `<eos>` 1, `<bos>` 2)."""
    vocabulary = _piece_level(
        "<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<start_of_turn>", "<end_of_turn>"
    )
    return getattr(transformers, name)(
        vocab=vocabulary, merges=[], model_max_length=length, add_bos_token=True
    )


def llama_tokenizer(length: int = 16) -> PreTrainedTokenizerBase:
    """A tokenizer of single characters in the style of Llama (`<unk>` is 0 and pads, `<s>` 1, `</s>` 2)."""
    vocabulary = _piece_level("<unk>", "<s>", "</s>")
    return LlamaTokenizer(
        vocab=vocabulary, merges=[], model_max_length=length, pad_token="<unk>", add_bos_token=True
    )


CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'text' %}{{ part['text'] }}{% else %}<|vision_start|><|image_pad|><|vision_end|>{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
QWEN_SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)


def qwen_tokenizer(length: int = 64) -> PreTrainedTokenizerBase:
    """A tokenizer of single bytes in the style of Qwen, with its chat template."""
    tokenizer = Qwen2Tokenizer(vocab=_byte_level(*QWEN_SPECIAL), merges=[], model_max_length=length)
    tokenizer.add_special_tokens({"additional_special_tokens": list(QWEN_SPECIAL[1:])})
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


DECODER = {
    "vocab_size": VOCABULARY_SIZE,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 2048,
    "pad_token_id": 0,
}
"""The settings of a two-layer causal language model."""


def decoder(model: str, config: str, seed: int = 4, **changes: Any) -> PreTrainedModel:
    """The transformers class `model`, as a two-layer causal language model 16 wide."""
    settings = getattr(transformers, config)(**{**DECODER, **changes})
    return seeded(lambda: getattr(transformers, model)(settings), seed)


def roberta_tokenizer(length: int = 16, name: str = "XLMRobertaTokenizer") -> PreTrainedTokenizerBase:
    """A tokenizer of single characters in the style of XLM-RoBERTa or RoBERTa (`<s>` is 0, `<pad>` 1, `</s>` 2)."""
    if name == "XLMRobertaTokenizer":
        pieces = list(_piece_level("<s>", "<pad>", "</s>", "<unk>", "<mask>"))
        vocabulary = [(piece, 0.0 if index < 5 else -2.0) for index, piece in enumerate(pieces)]
        return XLMRobertaTokenizer(vocab=vocabulary, model_max_length=length)
    return RobertaTokenizer(
        vocab=_byte_level("<s>", "<pad>", "</s>", "<unk>", "<mask>"), merges=[], model_max_length=length
    )


def gpt2_tokenizer(length: int = 64) -> PreTrainedTokenizerBase:
    """A tokenizer of single bytes in the style of GPT-2 (`<|EOS|>` is 0)."""
    return GPT2Tokenizer(
        vocab=_byte_level("<|EOS|>"),
        merges=[],
        eos_token="<|EOS|>",
        bos_token="<|EOS|>",
        unk_token="<|EOS|>",
        model_max_length=length,
    )
