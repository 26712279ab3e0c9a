"""Turns stored outputs into what a person can see, hear or read."""
