"""Looks for what would make two runs differ, or a golden useless, without running anything."""
