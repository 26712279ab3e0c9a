"""Tells somebody about a night: a channel per kind of messenger, retries, and no token in any text."""
