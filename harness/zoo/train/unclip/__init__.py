"""How the built-in unCLIP was trained."""
