"""Start runs: worker processes, timeouts, logs, and who runs what; never imports torch."""
