"""Names that stand for other code than before are found; what libraries do by themselves is not."""

from __future__ import annotations

import diffusers.utils.torch_utils as torch_utils
import pytest
import torch

from harness.worker.state.code import Code, Replaced


@pytest.fixture(scope="module")
def code() -> Code:
    return Code()


def test_nothing(code: Code) -> None:
    assert list(code.changes()) == []


def test_a_function_and_its_way_back(code: Code, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(torch_utils, "randn_tensor", len)
        found = [Replaced("diffusers.utils.torch_utils.randn_tensor", True)]
        assert list(code.changes()) == found
        assert list(code.changes()) == []
    assert list(code.changes()) == found


def test_a_method_that_was_inherited(code: Code, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.nn.Linear, "__call__", len, raising=False)
    assert list(code.changes()) == [Replaced("torch.nn.modules.linear.Linear.__call__", True)]


def test_data_is_told_apart(code: Code, monkeypatch: pytest.MonkeyPatch) -> None:
    list(code.changes())
    monkeypatch.setattr(torch.nn.Linear, "__constants__", ["x"])
    assert list(code.changes()) == [Replaced("torch.nn.modules.linear.Linear.__constants__", False)]


def test_a_new_name_counts_where_it_hides_one_of_python(code: Code, monkeypatch: pytest.MonkeyPatch) -> None:
    list(code.changes())
    monkeypatch.setattr(torch_utils, "a_name_of_mine", 1, raising=False)
    assert list(code.changes()) == []
    monkeypatch.setattr(torch_utils, "range", reversed, raising=False)
    assert list(code.changes()) == [Replaced("diffusers.utils.torch_utils.range", True)]
