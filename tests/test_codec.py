"""Everything that crosses the pipe or lies in a file survives the way through JSON text."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from harness.codec import from_json, to_json, why_not
from harness.core.capture import (
    Acceptance,
    CaptureDocument,
    Completed,
    Lost,
    Raised,
    Timings,
    Unavailable,
)
from harness.core.case import (
    Adapter,
    Attention,
    Case,
    Compile,
    Determinism,
    Embedding,
    Expectation,
    GeneratorKind,
    InputFile,
    Memory,
    ModelSpec,
    Offload,
    Preparation,
    Quantization,
    SchedulerSpec,
    Variant,
)
from harness.core.history import TensorDifference
from harness.core.messages import Finished, Job, Progress, Ready, Reply
from harness.core.tolerance import Limits, Rule, Tolerance
from tests.core.samples import ENVIRONMENT, case

OUTCOMES = (
    Completed("out/a b.safetensors", ENVIRONMENT, 0.1),
    Raised("ValueError: no", "Traceback:\n  line\n", ENVIRONMENT, 1e-9),
    Unavailable("cuda: no GPU"),
    Lost("killed", ("last", "lines €")),
    Lost("killed"),
)
REPLIES = (
    Ready(ENVIRONMENT),
    Ready(None, "no GPU"),
    Progress("running", 3, 50),
    *(Finished(outcome) for outcome in OUTCOMES),
)


@pytest.mark.parametrize("reply", REPLIES, ids=lambda reply: type(getattr(reply, "outcome", reply)).__name__)
def test_each_reply_comes_back_as_it_went_in_on_one_line(reply: Reply) -> None:
    text = to_json(reply)
    assert "\n" not in text
    assert from_json(Reply, text) == reply  # type: ignore[arg-type]
    assert from_json(Reply, text.encode()) == reply  # type: ignore[arg-type]


FULL = Case(
    id="a/b@seed=1",
    source="configs/a/b.yaml",
    base="/configs/a",
    pipeline="auto",
    model=ModelSpec("org/name", "a" * 40, "fp16", "bfloat16", {"safety_checker": None}),
    scheduler=SchedulerSpec(None, {"beta_end": 0.012, "trained_betas": [0.1, 0.2]}),
    steps={"prior": 5, "decoder": 7},
    seed=2**64 - 1,
    generator=GeneratorKind.NONE,
    call={
        "prompt": "sieben “7” 七",
        "image": {"$file": "a.png"},
        "size": {"$tuple": [1, 2]},
        "nothing": None,
    },
    inputs=(InputFile("a.png", "/configs/a/a.png", "0" * 64),),
    variant=Variant(
        adapters=(Adapter("lora", "style", "a.safetensors", "b" * 40, 0.5),),
        embeddings=(Embedding("cat", "<cat>"),),
        memory=Memory(Offload.MODEL, 2, True, True),
        channels_last=("unet",),
        compile=Compile(("unet",), "max-autotune", True, False),
        quantization=Quantization("torchao", ("unet",), {"quant_type": "int8wo"}),
    ),
    before=(Preparation("invert", {"image": {"$file": "a.png"}}, True),),
    determinism=Determinism(False, None, True, False, True, Attention.DEFAULT, 8),
    tolerance=Tolerance(Limits(max_abs=0.5), Rule.EXACT, Rule.REFUSE),
    expect=(Expectation("images", "abs_sum", 1491.1711, 0.5, "the model card"),),
    allow_nondeterministic=True,
    golden_optional=True,
    tags=("smoke", "slow"),
    timeout=1.5,
)


def test_a_job_with_every_option_comes_back_with_the_same_digest() -> None:
    job = from_json(Job, to_json(Job(FULL, "out/capture.safetensors")))
    assert job == Job(FULL, "out/capture.safetensors")
    assert job.case.digest() == FULL.digest()


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(call=st.dictionaries(st.text(max_size=5), JSON_VALUES, max_size=3))
def test_whatever_a_call_holds_reaches_the_worker_unchanged(call: dict[str, object]) -> None:
    sent = case(call=call)
    received = from_json(Job, to_json(Job(sent, "c"))).case
    # As text: there 1 and 1.0, True and 1, 0.0 and -0.0 differ.
    assert json.dumps(received.call) == json.dumps(call)
    assert received.digest() == sent.digest()


def test_numbers_that_are_not_finite_become_null() -> None:
    difference = TensorDifference(
        "images", {"max_abs": math.inf, "psnr": -math.inf, "rel_l2": math.nan, "max_ulp": 1.0}
    )
    assert json.loads(to_json(difference)) == {
        "tensor": "images",
        "metrics": {"max_abs": None, "psnr": None, "rel_l2": None, "max_ulp": 1.0},
    }


def test_a_capture_document_comes_back_as_it_went_in() -> None:
    document = CaptureDocument(
        schema=1,
        case="digits",
        definition=json.loads(json.dumps(FULL.definition())),
        digest="0" * 64,
        environment=ENVIRONMENT,
        sha256={"output/images": "1" * 64},
        seconds=Timings(0.5, 1.25),
        text=("output/caption",),
        absent=("nsfw",),
        global_rngs=("torch",),
        filled_in={"output_type": "np"},
        warnings=("unet was in train mode",),
        accepted=Acceptance(
            "record", "2026-01-01T00:00:00Z", 2, "0.1", (TensorDifference("a", {"max_abs": 0.5}),)
        ),
    )
    assert from_json(CaptureDocument, to_json(document, indent=2)) == document
    assert from_json(CaptureDocument, to_json(replace(document, accepted=None))).accepted is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "{}",
        '{"kind": "other"}',
        '{"kind": "progress", "stage": "running"}',
        '{"kind": "finished", "outcome": {}}',
    ],
)
def test_what_is_no_reply_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        from_json(Reply, text)  # type: ignore[arg-type]


@pytest.mark.parametrize("encode", [str, str.encode], ids=["text", "bytes"])
def test_a_byte_order_mark_is_dropped(encode: Callable[[str], str | bytes]) -> None:
    assert from_json(Timings, encode('\ufeff{"load": 1, "run": 2}')) == Timings(1.0, 2.0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"load": 1}', "run: "),
        ("{", "the file: Invalid JSON"),
        ("{\n=======\n}", "line 2: unresolved merge conflict (=======); resolve it and remove the markers"),
        ("{}".encode("utf-16"), "UTF-16 text; save it as UTF-8"),
    ],
)
def test_why_a_text_is_not_what_was_expected(text: str | bytes, told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        from_json(Timings, text)
    assert why_not(caught.value, text).startswith(told)
