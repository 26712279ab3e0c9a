"""The `$` forms, for what YAML cannot express."""
