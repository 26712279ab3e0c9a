"""The conclusions of commands: verdicts with reasons and next steps, and the results of recording."""
