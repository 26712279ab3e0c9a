"""Judging traces: matching events, the exact channel, boundaries, stages."""
