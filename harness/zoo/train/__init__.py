"""How the built-in models were made: one module per model, and what they share.

`python -m harness.zoo.train` retrains them. Only this package needs scikit-learn, and nothing outside it
imports it.
"""
