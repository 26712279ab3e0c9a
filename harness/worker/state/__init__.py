"""The state of a pipeline and its process before a run, and the differences after it."""
