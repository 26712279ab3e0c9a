"""The worker's end of the pipe, and forking."""
