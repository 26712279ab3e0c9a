"""Planted faults: defects that releases of diffusers and transformers had or could have, one per process."""
