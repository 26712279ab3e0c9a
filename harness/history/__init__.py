"""What the nights remember, in one SQLite file: rows are added and never rewritten."""
