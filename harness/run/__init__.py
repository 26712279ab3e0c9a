"""Run trials in worker processes: which worker runs what, timeouts, logs; never imports torch."""
