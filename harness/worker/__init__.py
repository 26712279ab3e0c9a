"""Everything that happens inside the fresh process: torch and diffusers are imported only here."""
