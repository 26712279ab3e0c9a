"""Where two runs diverge, in which stage and module, and what may have caused it."""
