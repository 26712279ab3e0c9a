"""What several test folders share: builders of tiny models and pipelines."""
