"""The planted faults, a file for each category."""
