"""Moves what a case has in the store to another case id, so that a kill at any moment loses nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness import files
from harness.core.capture import CaptureDocument
from harness.core.history import Decision, Draft, Entry
from harness.errors import StoreError, UnreadableGolden
from harness.golden.accept import write_accepted
from harness.golden.header import read_document
from harness.golden.memory.drafts import DRAFT, DraftState, draft_state, read_draft
from harness.golden.memory.history import history_of
from harness.golden.obsolete import SIDECARS, Stored, stored
from harness.golden.sidecar import GOLDEN_SUFFIX, outputs_digest
from harness.golden.store import GoldenStore
from harness.golden.tensors import file_sha256


@dataclass(frozen=True, slots=True)
class Move:
    """One file of the store that goes to another case: what it is, and its `target`; `done` if that is written."""

    file: Stored
    case: str
    target: Path
    done: bool = False


def planned(store: GoldenStore, old: str, new: str) -> tuple[Move, ...]:
    """The moves of everything that the case `old`, or its matrix entries, have in the store; goldens first.

    Raises StoreError for what cannot be moved: a link, or a file in the way that an earlier, killed rename did not
    write; UnreadableGolden for a golden that cannot be read, such as a Git LFS pointer. Nothing is changed.
    """
    found = [one for one in stored(store.root) if _belongs(one.case, old)]
    moves = [_planned(store, one, new + one.case.removeprefix(old)) for one in found]
    links = [path for folder in _folders(store, old) for path in _links(folder)]
    if links:
        raise StoreError(f"{links[0]}: is a link; replace it by its file, then run the command again")
    if in_way := [move.target for move in moves if not move.done and os.path.lexists(move.target)]:
        raise StoreError(
            f"{', '.join(map(str, in_way[:3]))}: already there, and nothing is overwritten; move it away, or "
            "choose another name"
        )
    return tuple(sorted(moves, key=lambda move: (move.file.kind is not None, move.target)))


def copied(moves: Iterable[Move], decision: Decision) -> None:
    """Write the targets that are not done; every old file stays. Raises StoreError."""
    for move in moves:
        if move.done:
            continue
        if move.file.kind is None:
            _copy_golden(move, decision)
        elif move.file.kind is DRAFT:
            _copy_draft(move)
        else:
            _copy_sidecar(move)


def removed(moves: Iterable[Move], store: GoldenStore) -> None:
    """Remove the old files, whose targets are written; raises StoreError."""
    for move in moves:
        store.remove(move.file.path)


def _belongs(case: str, old: str) -> bool:
    return case == old or case.startswith(f"{old}@")


def _folders(store: GoldenStore, old: str) -> Sequence[Path]:
    own = store.path(old, "any").parent
    family = own.parent.glob(f"{own.name}@*") if own.parent.is_dir() else ()
    return [folder for folder in (own, *sorted(family)) if folder.is_dir()]


def _links(folder: Path) -> list[Path]:
    suffixes = (GOLDEN_SUFFIX, *(kind.suffix for kind in SIDECARS))
    return sorted(path for path in folder.iterdir() if path.is_symlink() and path.name.endswith(suffixes))


def _planned(store: GoldenStore, one: Stored, case: str) -> Move:
    target = store.path(case, one.platform).with_name(one.path.name)
    move = Move(one, case, target)
    if one.kind is None or one.kind is DRAFT:
        read_document(one.path)  # what cannot be read cannot be moved
    return replace(move, done=_written(move))


def _written(move: Move) -> bool:
    """Whether the target is what an earlier, killed rename wrote."""
    if not move.target.is_file():
        return False
    if move.file.kind is not None and move.file.kind is not DRAFT:
        return move.target.read_bytes() == _sidecar(move)
    try:
        ours, there = read_document(move.file.path), read_document(move.target)
    except UnreadableGolden:
        return False
    same = (there.case, there.sha256, there.digest) == (move.case, ours.sha256, ours.digest)
    if move.file.kind is DRAFT:
        return same and _entry_of(there) == _entry_of(ours)
    last = there.history[-1:]
    return same and any(entry.renamed == move.file.case for entry in last)


def _entry_of(document: CaptureDocument) -> Entry | None:
    return document.draft.entry if document.draft else None


def _copy_golden(move: Move, decision: Decision) -> None:
    document = read_document(move.file.path)
    before = file_sha256(move.file.path)
    outputs = outputs_digest(document)
    entry = Entry("rename", decision.at, decision.by, decision.reason, outputs, before, renamed=document.case)
    history = (*history_of(document), entry)
    write_accepted(move.file.path, move.target, replace(document, case=move.case, history=history))


def _copy_draft(move: Move) -> None:
    """The draft waits for the golden under its new name if it waited for it under the old one."""
    document = read_document(move.file.path)
    draft = document.draft
    golden, target = move.file.golden, DRAFT.golden(move.target)
    if draft and draft.golden and _waits(golden, move.file.case, draft):
        draft = replace(draft, golden=file_sha256(target))
    write_accepted(move.file.path, move.target, replace(document, case=move.case, draft=draft))


def _waits(golden: Path, case: str, draft: Draft) -> bool:
    try:
        read_draft(golden, case)
        return draft_state(golden, draft) is DraftState.WAITING
    except UnreadableGolden:
        return False


def _copy_sidecar(move: Move) -> None:
    try:
        with files.replacing(move.target) as file:
            file.write(_sidecar(move))
    except OSError as error:
        raise files.refusal(move.target, error) from error


def _sidecar(move: Move) -> bytes:
    """The content of the sidecar under the new case; one that is not JSON stays as it is."""
    content = move.file.path.read_bytes()
    try:
        entries = json.loads(content)
    except ValueError:
        return content
    if not isinstance(entries, Mapping) or entries.get("case") != move.file.case:
        return content
    return (json.dumps({**entries, "case": move.case}, indent=1, ensure_ascii=False) + "\n").encode()
