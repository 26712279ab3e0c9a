"""The command `python -m harness.zoo.train`: retrains built-in models and rewrites their lock file."""

import argparse
import importlib
import logging
import sys
from pathlib import Path

from harness import zoo
from harness.zoo.train import store

# Training target -> its module, and the path that the module writes, relative to --out.
TARGETS = {
    "ddpm-digits": ("harness.zoo.train.ddpm_digits", "ddpm-digits"),
    "sd-digits": ("harness.zoo.train.sd_digits", "sd-digits"),
    "unclip-digits": ("harness.zoo.train.unclip.digits", "unclip-digits"),
    "digit-classifier": ("harness.zoo.train.digit_classifier", "digit-classifier.safetensors"),
}


def main(arguments: list[str]) -> int:
    """Train the named targets, or all of them, one after another; return 0."""
    parser = _parser()
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in TARGETS]
    if unknown:
        parser.error(f"{', '.join(unknown)}: cannot be trained; name any of {', '.join(TARGETS)}")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    for name in options.names or TARGETS:
        module, written = TARGETS[name]
        with store.replacing(options.out / written) as path:
            importlib.import_module(module).train(path)
        store.write_lock(options.out)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m harness.zoo.train", description="Retrain built-in models from their fixed seeds."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(TARGETS)}; default: all")
    parser.add_argument("--out", type=Path, default=zoo.ROOT, metavar="DIR", help="default: the zoo itself")
    return parser


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
