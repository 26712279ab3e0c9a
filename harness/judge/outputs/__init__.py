"""Judging outputs: metrics, limits of tensors, published figures."""
