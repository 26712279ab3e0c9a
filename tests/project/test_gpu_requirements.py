"""The wheels for a machine with a GPU are those that requirements/ pins, without torch and what computes with it."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from scripts import gpu_requirements
from tests.support.project import ROOT

LOCK = ROOT / "requirements/gpu.txt"


def test_the_list_has_the_pins_of_the_other_lists_each_with_a_hash() -> None:
    """If this fails, run scripts/gpu_wheels.sh --lock."""
    text = LOCK.read_text()
    assert text.startswith(gpu_requirements.HEAD)
    entries = re.findall(r"^(\S+==\S+)((?: \\\n    --hash=sha256:[0-9a-f]{64})+)$", text, re.MULTILINE)
    assert [pin for pin, _ in entries] == list(gpu_requirements.pins())
    assert len(text.splitlines()) == 2 + sum(1 + hashes.count("--hash") for _, hashes in entries)


@pytest.mark.parametrize(
    "name", ["torch", "transformers", "numpy", "tokenizers", "safetensors", "huggingface-hub"]
)
def test_what_the_machine_has_is_left_alone(name: str) -> None:
    assert name not in {gpu_requirements.normal(one) for one in gpu_requirements.NEEDED}


def test_a_wheel_of_each_python_has_its_hash(tmp_path: Path) -> None:
    contents = {"a_b-1.0-py3-none-any.whl": b"1", "C-2-cp311-x.whl": b"2", "C-2-cp312-x.whl": b"3"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    one, two, three = (hashlib.sha256(content).hexdigest() for content in contents.values())
    first, second = sorted([two, three])
    assert list(gpu_requirements.lock("A-b==1.0\nc==2\n", tmp_path)) == [
        f"A-b==1.0 \\\n    --hash=sha256:{one}",
        f"c==2 \\\n    --hash=sha256:{first} \\\n    --hash=sha256:{second}",
    ]


def test_a_package_that_is_not_pinned_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_requirements, "NEEDED", ("no-such-package",))
    with pytest.raises(SystemExit, match=r"^no-such-package: is not pinned in .*; pin it there"):
        list(gpu_requirements.pins())
