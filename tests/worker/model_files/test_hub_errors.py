"""Every way in which the hub does not give a model becomes one sentence with the next step."""

from __future__ import annotations

import errno
from types import SimpleNamespace

import pytest
from huggingface_hub import constants
from huggingface_hub.errors import (
    DisabledRepoError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from harness.core.case import ModelSpec
from harness.worker.model_files.hub_errors import in_brief, is_the_hubs, says_revision_is_gone, unavailable

MODEL = ModelSpec("org/name", revision="v1")
URL = "https://hub.example/org/name/resolve/v1/unet/config.json"


def answered(kind: type[HfHubHTTPError], status: int) -> HfHubHTTPError:
    response = SimpleNamespace(status_code=status, headers={}, request=None, url=URL)
    return kind(f"{status} for {URL}", response=response)


def text(error: BaseException, cached: str = "has no copy") -> str:
    return str(unavailable(error, MODEL, cached))


@pytest.mark.parametrize(
    ("error", "start", "end"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "no space left for the cache", "to a larger disk"),
        (PermissionError(errno.EACCES, "Permission denied"), "the cache", "set HF_HOME to a writable folder"),
        (answered(GatedRepoError, 403), "the repository is gated", "run `hf auth login`"),
        (answered(DisabledRepoError, 403), "the hub has disabled the repository", "for another one"),
        (
            answered(RepositoryNotFoundError, 401),
            f"{constants.ENDPOINT} has no such repository",
            "`hf auth login`",
        ),
        (answered(HfHubHTTPError, 401), f"{constants.ENDPOINT} refuses this machine's token", "login` again"),
        (answered(RevisionNotFoundError, 404), "the repository has no revision 'v1'", "as model.revision"),
        (
            answered(RemoteEntryNotFoundError, 404),
            "the hub lacks unet/config.json at revision 'v1'",
            "another model",
        ),
        (
            answered(HfHubHTTPError, 429),
            f"{constants.ENDPOINT} answered 429",
            "`hf download org/name --revision v1`",
        ),
        (OfflineModeIsEnabled("offline"), "HF_HUB_OFFLINE is set", "`hf download org/name --revision v1`"),
        (
            ConnectionResetError("reset"),
            f"{constants.ENDPOINT} cannot be reached (ConnectionResetError: reset)",
            "v1`",
        ),
        (
            OSError("Consistency check failed: 3 not 4"),
            "the download was interrupted",
            "complete files are kept",
        ),
        (RuntimeError("a\nb"), "RuntimeError: a; see what", "`hf download org/name --revision v1` says"),
    ],
)
def test_the_reason_starts_with_the_model_and_ends_with_the_next_step(
    error: BaseException, start: str, end: str
) -> None:
    assert text(error).startswith(f"org/name: {start}")
    assert text(error).endswith(end)
    assert "\n" not in text(error)


def test_the_telling_cause_wins_over_the_wrapping() -> None:
    wrapped = LocalEntryNotFoundError("An error happened while trying to locate the file")
    wrapped.__cause__ = answered(GatedRepoError, 403)
    assert "is gated" in text(wrapped)


def test_what_the_cache_holds_is_told() -> None:
    assert "has its commit 12 without unet" in text(
        OfflineModeIsEnabled("offline"), "has its commit 12 without unet"
    )


def test_a_revision_that_is_gone_is_told_apart_from_a_hub_that_is() -> None:
    assert says_revision_is_gone(answered(RevisionNotFoundError, 404))
    assert not says_revision_is_gone(OfflineModeIsEnabled("offline"))


def test_a_fault_of_the_disk_or_of_the_code_is_not_the_hubs() -> None:
    assert is_the_hubs(OfflineModeIsEnabled("offline"), MODEL)
    assert not is_the_hubs(PermissionError(errno.EACCES, "Permission denied"), MODEL)
    assert not is_the_hubs(KeyError("unet"), MODEL)


def test_a_message_is_its_first_line() -> None:
    assert in_brief(ValueError("\n  one\ntwo")) == "ValueError: one"
    assert in_brief(ValueError()) == "ValueError"
