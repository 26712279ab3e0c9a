"""From a model to a pipeline in its freshly loaded state."""
