"""The training of the built-in models: one module per model, and their shared code.

`python -m harness.zoo.train` retrains them. Only this package needs scikit-learn, and nothing outside it
imports it.
"""
