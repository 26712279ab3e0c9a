"""Find a model and its weights, and refuse files that are not data."""
