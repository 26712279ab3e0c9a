"""Where two runs part, in which stage and module, and what may have done it."""
