"""What a pipeline and its process were like before a run, and what is different after it."""
