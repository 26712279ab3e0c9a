"""One module for each family of pipelines; each holds its entries as the tuple `PIPELINES`."""
