"""The training of the built-in unCLIP."""
