"""Screens of the commands that measure a case beyond its verdict."""
