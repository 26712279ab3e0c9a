"""Running cases and keeping what they leave."""
