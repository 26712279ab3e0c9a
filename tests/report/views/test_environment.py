from __future__ import annotations

from dataclasses import replace

from harness.core.environment import Change
from tests.report.samples import ENVIRONMENT
from tests.report.screens import screen, shown, widest


def test_the_whole_fingerprint() -> None:
    assert shown(lambda screen: screen.show_environment(ENVIRONMENT)) == screen("""
        entry                                   value
        ───────────────────────────────────────────────────────────────────────────────
        platform                                cpu-x86_64
        hardware.device                         cpu
        hardware.machine                        x86_64
        hardware.cpu_vendor                     GenuineIntel
        hardware.cpu_model                      Intel(R) Xeon(R) Platinum 8488C (6/143)
        software.os                             Linux 6.8.0
        software.python                         3.11.7
        software.packages.diffusers             0.42.1
        software.packages.torch                 2.13.0+cpu
        switches.deterministic_algorithms       True
        switches.cudnn_enabled                  True
        switches.cudnn_benchmark                False
        switches.cudnn_deterministic            True
        switches.tf32_matmul                    False
        switches.tf32_cudnn                     False
        switches.float32_matmul_precision       highest
        switches.sdpa_backends                  math
        switches.threads                        1
        switches.interop_threads                1
        switches.cpu_capability                 AVX512
        switches.onednn                         True
        switches.cublas_workspace               :4096:8
        switches.variables.ATEN_CPU_CAPABILITY  avx512
        switches.portable                       False
    """)


def test_long_values_fold() -> None:
    hardware = replace(ENVIRONMENT.hardware, cpu_model="Brand " * 20)
    text = shown(lambda screen: screen.show_environment(replace(ENVIRONMENT, hardware=hardware)))
    assert widest(text) <= 80
    assert text.count("Brand") == 20


def test_changes_side_by_side() -> None:
    changes = (Change("software.packages.torch", "2.12.0", "2.13.0"), Change("switches.threads", None, "2"))
    assert shown(lambda screen: screen.show_changes(changes, "a.json", "goldens/b.safetensors")) == screen("""
        A  a.json
        B  goldens/b.safetensors

        entry                    A       B
        ───────────────────────────────────────
        software.packages.torch  2.12.0  2.13.0
        switches.threads         absent  2

        2 differences
    """)


def test_no_changes() -> None:
    assert shown(lambda screen: screen.show_changes((), "a", "b")) == "A  a\nB  b\n\nno differences\n"


def test_quiet_shows_nothing() -> None:
    assert shown(lambda screen: screen.show_environment(ENVIRONMENT), quiet=True) == ""
    assert shown(lambda screen: screen.show_changes((), "a", "b"), quiet=True) == ""
