"""Truth on disk: the files that hold captures and goldens, and the store of accepted goldens."""
