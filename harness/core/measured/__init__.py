"""What measuring a case gives: noise, limits, mutants and what was detected of them."""
