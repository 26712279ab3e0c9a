"""The words of the harness as frozen types; nothing here imports a third-party package."""
