"""What the hub, or its cache on this machine, says of a model: its pipeline class and its current commit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.codec import as_mapping
from harness.errors import UsageError

_INDEX = "model_index.json"


@dataclass(frozen=True, slots=True)
class OnHub:
    """The class that a model's index names ("" if that was not asked), and the commit; None if nothing tells it."""

    pipeline: str
    commit: str | None


def look_up(name: str, *, needs_class: bool) -> OnHub:
    """What is known of the hub's model `name`; raises UsageError if its class is needed and cannot be found out."""
    # Imported lazily: only models of the hub need it, and it takes longer than everything else here.
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError

    try:
        index = Path(hf_hub_download(name, _INDEX))
    except (LocalEntryNotFoundError, HfHubHTTPError, EntryNotFoundError, OSError) as error:
        if not needs_class:
            return OnHub("", None)
        why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        step = "check the id and the network, or name its class with --pipeline"
        raise UsageError(f"{name}: its {_INDEX} cannot be had ({why.rstrip('.')}); {step}") from error
    pipeline = as_mapping(index.read_bytes()).get("_class_name")
    if needs_class and not isinstance(pipeline, str):
        raise UsageError(
            f"{name}: its {_INDEX} names no _class_name; name its class with --pipeline"
        ) from None
    # A file of the cache lies in snapshots/COMMIT/.
    return OnHub(pipeline if isinstance(pipeline, str) else "", index.parent.name)
