"""From a golden and the outcome of a run to a verdict."""
