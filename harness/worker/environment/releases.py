"""What older releases of diffusers lack, so that the worker runs under all from 0.30 on.

A class that does not exist there has no instances and no subclasses, which is what the stand-ins say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import diffusers

from harness.worker.rejection import Lacking

if TYPE_CHECKING:
    from diffusers import ModularPipeline
    from diffusers.guiders.guider_utils import BaseGuidance
    from diffusers.quantizers import PipelineQuantizationConfig
else:
    try:
        from diffusers import ModularPipeline
        from diffusers.guiders.guider_utils import BaseGuidance
    except ImportError:  # before 0.35

        class ModularPipeline:
            """Stands in for a class that this diffusers does not have."""

        class BaseGuidance:
            """Stands in for a class that this diffusers does not have."""

    try:
        from diffusers.quantizers import PipelineQuantizationConfig
    except ImportError:  # before 0.34

        def PipelineQuantizationConfig(**_options: Any) -> Any:
            """Says that this diffusers has no quantisation of whole pipelines."""
            raise Lacking(
                "quantization",
                "PipelineQuantizationConfig",
                f"diffusers {diffusers.__version__} cannot quantise a pipeline while it is loaded",
                "leave `quantization` out, or use 0.34 or newer",
                name="PipelineQuantizationConfig",
            )


def dtype_keyword() -> str:
    """The name of the argument of `from_pretrained` that sets the dtype: `torch_dtype` is deprecated in newer ones."""
    try:
        from diffusers.utils import deprecation_utils
    except ImportError:
        return "torch_dtype"
    return "dtype" if hasattr(deprecation_utils, "_TORCH_DTYPE_DEPRECATION_MESSAGE") else "torch_dtype"


__all__ = ["BaseGuidance", "ModularPipeline", "PipelineQuantizationConfig", "dtype_keyword"]
