"""Deliberate changes to a run: benign noise that measures what is legitimate, and faults that must be caught."""
