"""The same bits on every x86-64 CPU with AVX2: a correctly rounded square root, aligned weights, and the proof."""
