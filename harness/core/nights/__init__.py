"""What the nights remember: what each saw, and what it says that the nights before did not."""
