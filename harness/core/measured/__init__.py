"""The results of measuring a case: noise, limits, mutants, and which of them were detected."""
