"""From a model to a pipeline that is as good as freshly loaded."""
