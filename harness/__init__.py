"""Golden-value regression harness for Hugging Face diffusers pipelines."""

__version__ = "0.1.0"

__all__ = (
    "CaseResult", "ConfigError", "HarnessError", "HarnessWarning", "RecordReport", "RecordResult", "RecordState",
    "Relation", "Report", "TensorResult", "UsageError", "Verdict", "compare", "record", "verify",
)  # fmt: skip


def __getattr__(name: str) -> object:
    # Imported lazily, and by its name: a static import would make every layer depend on the highest.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module("harness.api"), name)
