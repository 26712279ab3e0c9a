"""Upgrades: environments of other versions, goldens judged under them, and the dependency that changed a result."""
