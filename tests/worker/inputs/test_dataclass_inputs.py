from __future__ import annotations

import pytest
from diffusers.pipelines.ltx.pipeline_ltx_condition import LTXVideoCondition
from PIL import Image

from harness.worker.inputs.dataclass_inputs import made
from harness.worker.inputs.inputs import call_arguments
from harness.worker.rejection import Rejection
from tests.core.samples import case

CONDITION = {
    "class": "LTXVideoCondition",
    "image": {"$gradient": {"shape": [8, 8, 3], "as": "image"}},
    "frame_index": 8,
}


def test_a_condition_with_what_forms_give() -> None:
    arguments = call_arguments(case(call={"conditions": [{"$object": CONDITION}]}))
    [condition] = arguments["conditions"]  # type: ignore[misc]
    assert type(condition) is LTXVideoCondition
    assert isinstance(condition.image, Image.Image)
    assert (condition.frame_index, condition.strength) == (8, 1.0)


def test_a_class_that_is_none_and_fields_that_it_lacks() -> None:
    with pytest.raises(Rejection) as caught:
        made("call.x.$object", "LTXVideoConditions", {})
    assert caught.value.key == "call.x.$object.class"
    assert "LTXVideoCondition" in caught.value.message
    assert "LTXPipelineOutput" not in caught.value.message
    with pytest.raises(Rejection, match=r"takes no `frame`\. It takes: image, video, frame_index, strength"):
        made("call.x.$object", "LTXVideoCondition", {"frame": 1})
    with pytest.raises(Rejection, match="no such dataclass"):
        made("call.x.$object", "Path", {"a": 1})
