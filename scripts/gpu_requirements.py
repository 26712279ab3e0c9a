"""The Python part of scripts/gpu_wheels.sh: which packages a machine with torch and transformers lacks.

gpu_requirements.py pins                 prints NAME==VERSION of each, as requirements/*.txt pin them
gpu_requirements.py lock PINS WHEELS     prints requirements/gpu.txt: the pins with the sha256 of every wheel
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parents[1] / "requirements"

NEEDED = (
    "accelerate",
    "annotated-types",
    "attrs",
    "beautifulsoup4",
    "certifi",
    "charset-normalizer",
    "diffusers",
    "hypothesis",
    "idna",
    "importlib_metadata",
    "iniconfig",
    "jsonschema",
    "jsonschema-specifications",
    "mailbits",
    "markdown-it-py",
    "mdurl",
    "ml_dtypes",
    "pillow",
    "pluggy",
    "psutil",
    "pydantic",
    "pydantic_core",
    "Pygments",
    "pypi-simple",
    "pytest",
    "referencing",
    "requests",
    "rich",
    "rpds-py",
    "sortedcontainers",
    "soupsieve",
    "typing-inspection",
    "typing_extensions",
    "urllib3",
    "zipp",
)
"""What the harness and its tests on a GPU import, and what that imports.

Not torch, transformers, or what they depend on: the machine's own versions compute the evidence. The exception is
typing_extensions, of which pydantic needs a recent one.
"""

HEAD = """\
# What scripts/gpu_evidence.sh installs on a machine that has torch and transformers, with the sha256 of every wheel.
# scripts/gpu_wheels.sh --lock writes this file, from the pins of runtime.txt and dev.txt.
"""

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)$", re.MULTILINE)


def normal(name: str) -> str:
    """The normalised name of a distribution (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned() -> Mapping[str, str]:
    """The versions that runtime.txt and dev.txt pin, by normalised name."""
    texts = (REQUIREMENTS / name for name in ("runtime.txt", "dev.txt"))
    return {normal(name): version for text in texts for name, version in _PIN.findall(text.read_text())}


def pins() -> Iterator[str]:
    """The lines NAME==VERSION; exits if one is not pinned."""
    known = pinned()
    for name in NEEDED:
        if normal(name) not in known:
            raise SystemExit(
                f"{name}: is not pinned in {REQUIREMENTS}; pin it there, or take it off the list"
            )
        yield f"{name}=={known[normal(name)]}"


def lock(wanted: str, wheels: Path) -> Iterator[str]:
    """The lines of requirements/gpu.txt, without its head."""
    hashes: dict[tuple[str, str], set[str]] = {}
    for path in wheels.glob("*.whl"):
        name, version = path.name.split("-")[:2]
        hashes.setdefault((normal(name), version), set()).add(hashlib.sha256(path.read_bytes()).hexdigest())
    for name, version in _PIN.findall(wanted):
        found = sorted(hashes[normal(name), version])
        yield " \\\n".join([f"{name}=={version}", *(f"    --hash=sha256:{one}" for one in found)])


def main(words: Sequence[str]) -> int:
    """Print what is asked for."""
    if words[:1] == ["pins"]:
        print("\n".join(pins()))
    else:
        print(HEAD + "\n".join(lock(Path(words[1]).read_text(), Path(words[2]))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
