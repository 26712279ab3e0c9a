from __future__ import annotations

from dataclasses import replace

import pytest

from harness.core.case import Attention, Determinism, Memory, Variant
from harness.core.environment import Environment
from harness.measure.variations import Variation, probes, variations
from tests.golden.builders import a_case, environment

HERE = environment()


@pytest.fixture(autouse=True)
def _no_override(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HARNESS_THREADS", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 8)


def by_name(
    here: Environment = HERE, networks: tuple[str, ...] = ("unet",), **case: object
) -> dict[str, Variation]:
    return {one.name: one for one in variations(a_case(**case), here, networks)}


def with_switches(**switches: object) -> Environment:
    return replace(HERE, switches=replace(HERE.switches, **switches))


def test_the_families_on_a_processor() -> None:
    found = by_name(with_switches(cpu_capability="AVX512"))
    assert {one.family for one in found.values()} == {
        *("ulp", "threads", "cpu-capability", "onednn", "mkl", "old-cpu", "sdpa"),
        *("attention-processor", "attention-slicing", "channels-last", "batch"),
    }
    assert [name for name, one in found.items() if one.family == "cpu-capability"] == [
        "ATen default",
        "ATen avx2",
    ]
    assert all(one.counted for one in found.values())


def test_the_ensemble_is_seeded_and_large_enough() -> None:
    ulps = [one.perturbation for one in by_name().values() if one.family == "ulp"]
    assert len(ulps) >= 8
    assert len({one.seed for one in ulps if one}) == len(ulps)


def test_only_levels_below_the_one_in_use() -> None:
    assert "ATen avx2" not in by_name()
    assert "ATen default" not in by_name(with_switches(cpu_capability="DEFAULT"))
    assert not any(one.family == "onednn" for one in by_name(with_switches(onednn=False)).values())


def test_other_architectures_have_other_instruction_sets() -> None:
    arm = replace(HERE, hardware=replace(HERE.hardware, machine="aarch64"))
    assert not {one.family for one in by_name(arm).values()} & {"cpu-capability", "onednn", "mkl", "old-cpu"}


def test_the_old_processor_is_all_together() -> None:
    old = by_name()["old CPU"]
    assert old.variables == {
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_CBWR": "COMPATIBLE",
    }
    assert old.case.determinism.threads == 2


def test_a_portable_run_varies_what_it_pins() -> None:
    found = by_name(with_switches(cpu_capability="AVX2", portable=True))
    assert {
        name: one.variables for name, one in found.items() if one.family in ("cpu-capability", "mkl")
    } == {
        "ATen default": {"ATEN_CPU_CAPABILITY": "default"},
        "ATen native": {"ATEN_CPU_CAPABILITY": None},
        "MKL native": {"MKL_CBWR": None},
    }
    assert [one.variables for one in found.values() if one.family == "onednn"] == [
        {"ONEDNN_MAX_CPU_ISA": "SSE41"},
        {"ONEDNN_MAX_CPU_ISA": None},
    ]
    assert not found["not portable"].case.determinism.portable
    assert found["old CPU"].case.determinism.threads == 2
    assert "not portable" not in by_name()


def test_threads_need_no_process_of_their_own() -> None:
    found = [one for one in by_name().values() if one.family == "threads"]
    assert [one.case.determinism.threads for one in found] == [2, 4]
    assert {one.variables["OMP_NUM_THREADS"] for one in found} == {"1"}


def test_the_threads_of_the_caller_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_THREADS", "2")
    found = {one.name: one for one in variations(a_case(), with_switches(threads=2), ())}
    assert found["4 threads"].variables["HARNESS_THREADS"] == "4"
    assert found["old CPU"].variables["HARNESS_THREADS"] == "1"
    assert "2 threads" not in found


def test_no_more_threads_than_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert [name for name, one in by_name().items() if one.family == "threads"] == ["2 threads"]


def test_what_the_case_does_already_is_no_variation() -> None:
    variant = Variant(memory=Memory(attention_slicing="auto"), channels_last=("unet",))
    found = by_name(variant=variant, determinism=Determinism(attention=Attention.DEFAULT))
    assert not {"attention slicing", "channels last", "attention default"} & found.keys()
    assert "attention math" in found
    assert "channels last" not in by_name(networks=())


def test_on_a_gpu() -> None:
    gpu = replace(HERE, hardware=replace(HERE.hardware, device="cuda", gpu="H100"))
    found = by_name(gpu)
    assert found["TF32 on"].why
    assert not found["TF32 on"].counted
    assert found["workspace :16:8"].case.determinism.cublas_workspace == ":16:8"
    assert found["cuDNN benchmark"].case.determinism.cudnn_benchmark
    assert {"attention flash", "attention efficient", "attention cudnn"} <= found.keys()
    assert by_name(gpu, determinism=Determinism(tf32=True))["TF32 off"].counted


def test_probes_replace_prompts_and_pictures() -> None:
    call = {
        "prompt": "a seven",
        "negative_prompt": "",
        "output_type": "np",
        "guidance_scale": 7.5,
        "image": {"$file": "inputs/seven.png"},
        "mask_image": {"$gradient": {"shape": [8, 8]}},
        "latents": {"$noise": {"shape": [1, 4, 4, 4], "seed": 1}},
        "audio": {"$file": "inputs/one.wav"},
    }
    found = {one.key: one.case.call[one.key] for one in probes(a_case(call=call), {"image": (32, 32, 3)})}
    assert found.keys() == {"prompt", "image", "mask_image", "latents"}
    assert found["prompt"] != "a seven"
    assert found["image"]["$noise"]["shape"] == [32, 32, 3]
    assert found["mask_image"]["$noise"]["as"] == "image"
    assert found["latents"]["$noise"]["seed"] != 1
    assert not probes(a_case(call={"image": {"$file": "inputs/seven.png"}}), {})
