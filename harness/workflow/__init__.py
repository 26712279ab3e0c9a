"""Each command as a short list of named steps."""
