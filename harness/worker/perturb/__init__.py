"""Deliberate changes to a run: benign noise that the limits must allow, and faults that they must catch."""
