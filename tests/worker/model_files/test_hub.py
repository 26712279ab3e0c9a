"""The hub without one: what is decided before it is asked (tests/hub asks a real server)."""

from __future__ import annotations

import pytest
from diffusers import DiffusionPipeline

from harness.core.case import ModelSpec
from harness.worker.model_files import hub
from harness.worker.model_files.hub_errors import ModelUnavailable
from harness.worker.rejection import Rejection


@pytest.mark.parametrize("option", ["cache_dir", "force_download", "local_files_only", "proxies", "token"])
def test_what_is_the_machines_own_affair_is_refused_without_showing_it(option: str) -> None:
    model = ModelSpec("org/name", components={option: "secret"})
    with pytest.raises(Rejection) as refused:
        hub.fetch(model, DiffusionPipeline)
    assert refused.value.key == f"model.components.{option}"
    assert "secret" not in str(refused.value)
    assert "remove it and " in refused.value.message


@pytest.mark.parametrize("revision", [None, "main", "0123456789" * 4])
def test_without_a_network_and_a_copy_there_is_no_model(revision: str | None) -> None:
    model = ModelSpec("nobody/has-ever-had-this", revision=revision)
    for ask in (lambda: hub.fetch(model, DiffusionPipeline), lambda: hub.fetch_part(model, "unet")):
        with pytest.raises(ModelUnavailable, match=r"^nobody/has-ever-had-this: HF_HUB_OFFLINE is set, "):
            ask()
