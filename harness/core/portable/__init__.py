"""What makes the bits of a CPU run the same on every x86-64 machine, in words and answers."""
