"""The flight recorder: record the tensors that flow through a pipeline, and replay recorded ones."""
