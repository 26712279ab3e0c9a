"""What the installed diffusers and a user's own pipelines take, read from their source."""
