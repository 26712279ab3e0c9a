"""Configs: YAML files in, cases out, with every problem of every file found at once."""
