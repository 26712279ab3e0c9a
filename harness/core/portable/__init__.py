"""What makes the bits of a CPU run the same on every x86-64 machine: switches, known answers and words."""
