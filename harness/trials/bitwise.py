"""Compare two capture files bit for bit, regardless of any tolerance."""

from __future__ import annotations

from pathlib import Path

from harness.core.results.verdict import TensorResult, Verdict
from harness.core.tolerance import Rule
from harness.golden.tensors import TensorFile
from harness.judge.outputs.compare import compare_tensors


def compare_files(left: Path, right: Path) -> tuple[TensorResult, ...]:
    """The comparison of every output of both files; raises UnreadableGolden if one is damaged."""
    with TensorFile(left) as ours, TensorFile(right) as theirs:
        return compare_tensors(ours, theirs, Rule.EXACT)


def differing(tensors: tuple[TensorResult, ...]) -> tuple[TensorResult, ...]:
    """The tensors that are not bit-identical."""
    return tuple(tensor for tensor in tensors if tensor.verdict is not Verdict.IDENTICAL)
