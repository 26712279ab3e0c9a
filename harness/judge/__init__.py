"""Reaches a verdict from a golden and the outcome of a run."""
