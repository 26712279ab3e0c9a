"""Conduct the trials of a command, judge what they produce, and make captures goldens."""
