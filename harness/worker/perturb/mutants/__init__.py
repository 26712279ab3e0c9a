"""The planted faults, one file for each category."""
