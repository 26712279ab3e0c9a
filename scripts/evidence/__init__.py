"""The stages of scripts/gpu_evidence.py, one file each, and what they share."""
