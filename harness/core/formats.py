"""Which files hold what, by their suffixes."""

from __future__ import annotations

PICKLE_SUFFIXES = (".bin", ".ckpt", ".pt", ".pth", ".pkl", ".pickle")
"""Weights and other objects in pickles, which nothing here reads."""
