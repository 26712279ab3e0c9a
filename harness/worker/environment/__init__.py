"""The process: what it imports, its numeric switches, its fingerprint."""
