"""What is measured of cases: noise, limits, mutants, repeatability, invariants, weaknesses."""
