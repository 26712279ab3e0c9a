"""Why the hub did not provide a model, in one sentence with the next step, for every kind of failure."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from huggingface_hub import constants
from huggingface_hub.errors import (
    DisabledRepoError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from harness.core.case import ModelSpec

_HTTP_LIBRARIES = ("httpcore", "httpcore2", "httpx", "httpx2", "requests", "urllib3")
_BROKEN_OFF = ("ChunkedEncodingError", "IncompleteRead", "ReadError", "RemoteProtocolError")
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)


class ModelUnavailable(Exception):
    """The model is not available here; the message starts with the model's id and ends with the next step."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """The requested model, and what the cache holds of it, as the end of a sentence about the cache."""

    model: ModelSpec
    cached: str = "has no copy"

    @property
    def fill(self) -> str:
        """The command that fills the cache."""
        revision = f" --revision {self.model.revision}" if self.model.revision else ""
        return f"`hf download {self.model.id}{revision}`"

    @property
    def cache(self) -> str:
        """The path of the cache and what it holds."""
        return f"the cache {constants.HF_HUB_CACHE} {self.cached}"


_Explanation = Callable[[BaseException, Circumstances], str | None]


def unavailable(error: BaseException, model: ModelSpec, cached: str = "has no copy") -> ModelUnavailable:
    """The error to raise for `error`, which occurred while `model` was requested or downloaded.

    The most specific error in the chain decides, since huggingface_hub and diffusers wrap the actual
    problem in general advice. `cached` says what the cache holds.
    """
    around = Circumstances(model, cached)
    text = _explained(error, around, (_disk, *_BY_THE_HUB))
    return ModelUnavailable(f"{model.id}: {text or _unknown(error, around)}")


def is_the_hubs(error: BaseException, model: ModelSpec) -> bool:
    """Whether a request to a hub caused `error`."""
    return _explained(error, Circumstances(model), _BY_THE_HUB) is not None


def _explained(
    error: BaseException, around: Circumstances, explanations: tuple[_Explanation, ...]
) -> str | None:
    causes = tuple(_causes(error))
    texts = (explain(cause, around) for explain in explanations for cause in causes)
    return next(filter(None, texts), None)


def says_revision_is_gone(error: BaseException) -> bool:
    """Whether the hub answered that the repository exists but the revision does not."""
    return any(isinstance(cause, RevisionNotFoundError) for cause in _causes(error))


def in_brief(error: BaseException) -> str:
    """The type of `error` and the first line of its message."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _disk(error: BaseException, _around: Circumstances) -> str | None:
    number = error.errno if isinstance(error, OSError) else None
    if number in _NO_SPACE:
        return f"no space left for the cache {constants.HF_HUB_CACHE}; free some space, or set HF_HOME to a larger disk"
    if number in _NOT_WRITABLE:
        return f"the cache {constants.HF_HUB_CACHE} cannot be written; set HF_HOME to a writable folder"
    return None


def _access(error: BaseException, around: Circumstances) -> str | None:
    page = f"{constants.ENDPOINT}/{around.model.id}"
    if isinstance(error, GatedRepoError):
        return f"the repository is gated; accept its licence at {page} and run `hf auth login`"
    if isinstance(error, DisabledRepoError):
        return f"the hub has disabled the repository; see {page} for another one"
    if isinstance(error, RepositoryNotFoundError):
        what = f"{constants.ENDPOINT} has no such repository, or shows it only to some accounts"
        return f"{what}; check model.id, or run `hf auth login`"
    if isinstance(error, HfHubHTTPError) and error.response.status_code in (401, 403):
        return f"{constants.ENDPOINT} refuses this machine's token; run `hf auth login` again"
    return None


def _not_found(error: BaseException, around: Circumstances) -> str | None:
    revision = around.model.revision or constants.DEFAULT_REVISION
    if isinstance(error, RevisionNotFoundError):
        accepted = "one of its branches, tags or commits"
        return f"the repository has no revision {revision!r}; give {accepted} as model.revision"
    if isinstance(error, EntryNotFoundError) and not isinstance(error, LocalEntryNotFoundError):
        url = str(error.response.url) if isinstance(error, HfHubHTTPError) else ""
        name = url.partition("/resolve/")[2].partition("/")[2] or "a file"
        return (
            f"the hub lacks {name} at revision {revision!r}; choose another model.revision, or another model"
        )
    return None


def _trouble(error: BaseException, around: Circumstances) -> str | None:
    if isinstance(error, HfHubHTTPError):
        answer = f"{constants.ENDPOINT} answered {error.response.status_code}"
        return f"{answer}, and {around.cache}; run again later, or fill the cache: {around.fill}"
    return None


def _offline(error: BaseException, around: Circumstances) -> str | None:
    if isinstance(error, OfflineModeIsEnabled):
        return f"HF_HUB_OFFLINE is set, and {around.cache}; unset it, or fill the cache: {around.fill}"
    return None


def _network(error: BaseException, around: Circumstances) -> str | None:
    kind = type(error)
    if kind.__name__ in _BROKEN_OFF or "Consistency check failed" in str(error):
        return f"the download was interrupted ({in_brief(error)}); run again: complete files are kept"
    if kind.__module__.partition(".")[0] in _HTTP_LIBRARIES or isinstance(
        error, (ConnectionError, TimeoutError)
    ):
        problem = f"{constants.ENDPOINT} cannot be reached ({in_brief(error)}), and {around.cache}"
        return f"{problem}; connect this machine, or fill the cache: {around.fill}"
    return None


def _unknown(error: BaseException, around: Circumstances) -> str:
    return f"{in_brief(error)}; see what {around.fill} says"


_BY_THE_HUB: tuple[_Explanation, ...] = (_access, _not_found, _offline, _trouble, _network)
