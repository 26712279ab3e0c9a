"""Judge: the metrics between two tensors, the comparison of two files, and the verdict on a case."""
