"""The same bits on every x86-64 CPU with AVX2: correctly rounded functions, the known answers, and the proof."""
