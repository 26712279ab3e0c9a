"""Tiny pipelines of diffusers: seeded random weights, a few kilobytes each, for tests over many classes."""
