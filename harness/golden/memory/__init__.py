"""What is remembered beside and inside a golden: its history, failures that were refused, captures only proposed."""
