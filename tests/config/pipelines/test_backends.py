"""Quantization backends: those of the installed diffusers, and those of a package written here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.config.pipelines import classes

TABLE = """
AUTO_QUANTIZER_MAPPING = {
    "other": A,
}

AUTO_QUANTIZATION_CONFIG_MAPPING = {
    "alpha_4bit": AlphaConfig,
    'beta': BetaConfig,
}
"""


def stand_in(install: Callable[[str], Path], text: str) -> None:
    folder = install("").parent / "quantizers"
    folder.mkdir()
    (folder / "auto.py").write_text(text)


def test_the_table_of_the_package_is_what_is_accepted(stand_in_for_diffusers: Callable[[str], Path]) -> None:
    stand_in(stand_in_for_diffusers, TABLE)
    assert classes.backend_problem("alpha_4bit") is None
    assert classes.backend_problem("beta") is None
    missing = "the installed diffusers has no such backend"
    assert (
        classes.backend_problem("alpha")
        == f"{missing}; did you mean 'alpha_4bit'? accepted: alpha_4bit, beta"
    )
    assert classes.backend_problem("other") == f"{missing}; accepted: alpha_4bit, beta"


def test_where_there_is_no_table_any_name_will_do(stand_in_for_diffusers: Callable[[str], Path]) -> None:
    stand_in_for_diffusers("")
    assert classes.backend_problem("anything") is None


def test_the_installed_diffusers_has_the_backends_of_its_guide() -> None:
    for name in ("bitsandbytes_4bit", "bitsandbytes_8bit", "torchao", "quanto", "gguf"):
        assert classes.backend_problem(name) is None
    assert classes.backend_problem("bitsandbytes") is not None
