"""Explain a failure: where two traces part, in which stage and module, and what may have done it."""
