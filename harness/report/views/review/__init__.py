"""Screens of the commands that decide about judged cases, and of their memory."""
