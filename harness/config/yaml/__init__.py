"""YAML as configs may use it, read with its places."""
