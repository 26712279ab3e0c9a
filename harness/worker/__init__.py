"""Everything that runs inside the fresh process: only this package imports torch and diffusers."""
