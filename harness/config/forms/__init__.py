"""The `$` forms that stand for what YAML cannot say."""
