"""Completion of the command line in shells: one file per shell writes the script."""
