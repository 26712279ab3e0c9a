"""A pipeline of a user's own that does something to its process when it has its pictures."""

from __future__ import annotations

from typing import Any

from diffusers import DDIMPipeline


class Leaving(DDIMPipeline):
    """Gives the pictures of DDIMPipeline."""

    def __call__(self, does: str = "", **keywords: Any) -> Any:
        """`does` is a statement."""
        output = super().__call__(**keywords)
        exec(does, {})
        return output
