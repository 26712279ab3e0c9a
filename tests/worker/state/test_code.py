"""Names that stand for other code than before are found; what libraries do by themselves is not."""

from __future__ import annotations

import sys

import diffusers.utils.torch_utils as torch_utils
import pytest
import torch

from harness.worker.state import code
from harness.worker.state.code import Code, Replaced


@pytest.fixture(scope="module")
def libraries() -> Code:
    return Code()


def test_nothing(libraries: Code) -> None:
    assert list(libraries.changes()) == []


def test_a_function_and_its_way_back(libraries: Code, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(torch_utils, "randn_tensor", len)
        found = [Replaced("diffusers.utils.torch_utils.randn_tensor", True)]
        assert list(libraries.changes()) == found
        assert list(libraries.changes()) == []
    assert list(libraries.changes()) == found


def test_a_method_that_was_inherited(libraries: Code, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.nn.Linear, "__call__", len, raising=False)
    assert list(libraries.changes()) == [Replaced("torch.nn.modules.linear.Linear.__call__", True)]


def test_data_is_told_apart(libraries: Code, monkeypatch: pytest.MonkeyPatch) -> None:
    list(libraries.changes())
    monkeypatch.setattr(torch.nn.Linear, "__constants__", ["x"])
    assert list(libraries.changes()) == [Replaced("torch.nn.modules.linear.Linear.__constants__", False)]


def test_a_new_name_counts_where_it_hides_one_of_python(
    libraries: Code, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(libraries.changes())
    monkeypatch.setattr(torch_utils, "a_name_of_mine", 1, raising=False)
    assert list(libraries.changes()) == []
    monkeypatch.setattr(torch_utils, "range", reversed, raising=False)
    assert list(libraries.changes()) == [Replaced("diffusers.utils.torch_utils.range", True)]


def test_a_fork_begins_with_what_its_server_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "_remembered", [])
    code.remember()
    monkeypatch.setattr(torch_utils, "randn_tensor", len)
    remembered = code.code_of_process()
    assert list(remembered.changes()) == [Replaced("diffusers.utils.torch_utils.randn_tensor", True)]


def test_only_the_first_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "_remembered", [])
    code.remember()
    code.remember()
    assert code.code_of_process() is not code.code_of_process()
    monkeypatch.setattr(torch_utils, "randn_tensor", len)
    assert list(code.code_of_process().changes()) == []


def test_what_is_imported_later_is_remembered_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "_remembered", [])
    monkeypatch.delitem(sys.modules, torch_utils.__name__)
    code.remember()
    monkeypatch.setitem(sys.modules, torch_utils.__name__, torch_utils)
    found = code.code_of_process()
    monkeypatch.setattr(torch_utils, "randn_tensor", len)
    assert Replaced("diffusers.utils.torch_utils.randn_tensor", True) in [*found.changes()]


def test_what_was_forgotten_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "_remembered", [])
    code.remember()
    monkeypatch.setattr(torch_utils, "randn_tensor", len)
    code.forget()
    assert list(code.code_of_process().changes()) == []
