"""Finds the change of a dependency that made a case differ."""
