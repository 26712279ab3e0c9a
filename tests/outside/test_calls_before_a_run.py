"""What `before` may call: what changes the computation, and nothing that writes, reaches out or runs code."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.load import check_calls, load_cases
from harness.errors import ConfigError

SD = "pipeline: StableDiffusionPipeline\nmodel: {id: 'builtin:sd-digits'}\ncall: {prompt: a seven}\n"
LEDITS = SD.replace("StableDiffusionPipeline", "LEditsPPPipelineStableDiffusion").replace(
    "call", "tags: []\n#"
)


def problems(folder: Path, before: str, head: str = SD) -> list[str]:
    """What is wrong with a config that makes one call before its run."""
    configs = folder / "configs"
    configs.mkdir()
    (configs / "a.yaml").write_text(f"{head}before: [{before}]\n")
    try:
        check_calls(load_cases(configs).cases)
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []


def test_a_refusal_is_a_config_error() -> None:
    assert ConfigError([]).exit_code == 2


@pytest.mark.parametrize(
    "before",
    [
        "{method: to_json_file, call: {json_file_path: /tmp/x.json}}",
        "{method: save_config, call: {save_directory: /tmp/x, push_to_hub: true}}",
        "{method: save_lora_weights, call: {save_directory: /tmp/x}}",
        "{method: push_to_hub, call: {repo_id: a/b}}",
        "{method: download, call: {pretrained_model_name: a/b}}",
        "{method: from_pretrained, call: {pretrained_model_name_or_path: a/b}}",
        "{method: load_config, call: {pretrained_model_name_or_path: a/b}}",
        "{method: lora_state_dict, call: {pretrained_model_name_or_path_or_dict: a/b}}",
        "{method: load_lora_into_unet, call: {}}",
        "{method: register_modules, call: {}}",
        "{method: numpy_to_pil, call: {images: 1}}",
        "{method: remove_all_hooks}",
        "{method: unet, call: {sample: 1}}",
        "{method: tokenizer}",
    ],
)
def test_a_method_that_does_not_change_the_computation_is_refused(tmp_path: Path, before: str) -> None:
    [problem] = {one.partition(" = ")[0] for one in problems(tmp_path, before) if ".call." not in one}
    assert problem.endswith("before[0].method")


@pytest.mark.parametrize(
    ("argument", "key"),
    [
        ("offload_to_disk_path: /tmp/x", "enable_group_offload"),
        ("push_to_hub: true", "fuse_lora"),
        ("cache_dir: /tmp/x", "load_ip_adapter"),
        ("token: abc", "load_ip_adapter"),
        ("trust_remote_code: true", "load_ip_adapter"),
        ("use_safetensors: false", "load_ip_adapter"),
        ("weight_name: [a.safetensors, x.bin]", "load_ip_adapter"),
        ("pretrained_model_name_or_path_or_dict: 'https://host/x'", "load_ip_adapter"),
    ],
)
def test_an_argument_that_writes_reaches_out_or_unpickles_is_refused(
    tmp_path: Path, argument: str, key: str
) -> None:
    name = argument.partition(":")[0]
    found = problems(tmp_path, f"{{method: {key}, call: {{{argument}}}}}")
    assert any(f"before[0].call.{name} = " in one for one in found), found


def test_a_pickled_ip_adapter_is_told_how_to_be_converted(tmp_path: Path) -> None:
    [problem] = problems(
        tmp_path,
        "{method: load_ip_adapter, call: {pretrained_model_name_or_path_or_dict: h94/IP-Adapter, "
        "subfolder: models, weight_name: ip-adapter_sd15.bin}}",
    )
    assert "safetensors.torch.save_file" in problem
    assert "weights_only=True" in problem


@pytest.mark.parametrize(
    "before",
    [
        "{method: enable_freeu, call: {s1: 0.9, s2: 0.2, b1: 1.2, b2: 1.4}}",
        "{method: disable_freeu}",
        "{method: fuse_qkv_projections}",
        "{method: set_ip_adapter_scale, call: {scale: 0.5}}",
        "{method: enable_xformers_memory_efficient_attention}",
        "{method: load_ip_adapter, call: {pretrained_model_name_or_path_or_dict: h94/IP-Adapter, "
        "subfolder: models, weight_name: a.safetensors}}",
        # What the class itself defines.
        "{method: encode_prompt, call: {prompt: a, device: cpu, num_images_per_prompt: 1, "
        "do_classifier_free_guidance: false}}",
    ],
)
def test_a_method_that_changes_the_computation_is_accepted(tmp_path: Path, before: str) -> None:
    assert problems(tmp_path, before) == []


def test_the_refusal_says_what_is_accepted(tmp_path: Path) -> None:
    [problem] = problems(tmp_path, "{method: remove_all_hooks}")
    assert "accepted: the methods that StableDiffusionPipeline defines itself, and " in problem
    assert "enable_freeu" in problem


@pytest.mark.parametrize(
    "option", ["cache_dir: /tmp/x", "offload_folder: /tmp/x", "token: abc", "use_flashpack: true"]
)
def test_loading_options_that_write_reach_out_or_open_other_files_are_refused(
    tmp_path: Path, option: str
) -> None:
    head = SD.replace("sd-digits'", f"sd-digits', components: {{{option}}}")
    [problem] = problems(tmp_path, "{method: disable_freeu}", head)
    assert f"model.components.{option.partition(':')[0]} = " in problem


def test_a_single_files_original_config_is_a_file(tmp_path: Path) -> None:
    head = SD.replace("sd-digits'", "sd-digits', components: {original_config: 'https://host/x.yaml'}")
    [problem] = problems(tmp_path, "{method: disable_freeu}", head)
    assert "model.components.original_config = " in problem
