"""Finding a model and its weights, and refusing what is no data."""
