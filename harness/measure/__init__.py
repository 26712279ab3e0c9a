"""Measure a case beyond its verdict: noise, limits, mutants, repeatability, weaknesses."""
