"""Configs: turns YAML files into cases and reports every problem of every file at once."""
