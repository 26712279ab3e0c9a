"""YAML as configs may use it, read with line numbers."""
