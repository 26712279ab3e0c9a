"""What a config names and must be there: input files, pipelines of one's own, quantization backends."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from harness.config.load import load_files
from harness.config.pipelines import installed
from tests.config.folder import MINIMAL, only_case, problems, write


def test_input_files_must_lie_inside_the_configs(configs: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.png").write_bytes(b"x")
    (tmp_path / "configs-too").mkdir()
    (tmp_path / "configs-too" / "x.png").write_bytes(b"x")
    (configs / "link.png").symlink_to(tmp_path / "outside.png")
    (configs / "folder.png").mkdir()
    (configs / "circle.png").symlink_to("circle.png")
    names = [
        "../outside.png",
        "link.png",
        "../configs-too/x.png",
        str(tmp_path / "outside.png"),
        "folder.png",
    ]
    names += ["circle.png", "n" * 300 + ".png", "sub/../../outside.png"]
    write(
        configs,
        a=MINIMAL + "call:\n" + "".join(f"  x{i}: {{$file: {name}}}\n" for i, name in enumerate(names)),
    )
    outside = "lies outside the configs folder; move the file inside"
    absent = "no such file; paths are relative to this config file"
    messages = [line.rpartition(": ")[2] for line in problems(configs)]
    assert messages == [
        outside,
        outside,
        outside,
        "expected a path relative to this file",
        absent,
        absent,
        absent,
        outside,
    ]


def test_an_input_file_next_to_the_wrong_config_is_suggested(configs: Path) -> None:
    (configs / "seven.png").write_bytes(b"x")
    write(configs, sd__a=MINIMAL + "call: {image: {$file: seven.png}}")
    assert problems(configs) == [
        'configs/sd/a.yaml: call.image.$file = "seven.png": no such file; paths are relative to this config file; '
        "did you mean '../seven.png'?"
    ]


def test_classes_of_other_versions_need_not_exist_here(configs: Path) -> None:
    new = "pipeline: NewPipeline\nmodel: {id: x}\nscheduler: {class: NewScheduler}\n"
    write(configs, a=new + "call: {image: {$file: gone.png}}\n")
    here, elsewhere = (load_files(configs, elsewhere=other)[0].problems for other in (False, True))
    keys = [{problem.key for problem in problems} for problems in (here, elsewhere)]
    assert keys[1] == {"call.image.$file"}
    assert keys[0] - keys[1] == {"pipeline", "scheduler.class"}


def test_a_link_to_an_input_inside_is_followed(configs: Path) -> None:
    (configs / "real.png").write_bytes(b"x")
    (configs / "link.png").symlink_to("real.png")
    write(configs, a=MINIMAL + "call: {image: {$file: link.png}}")
    [file] = only_case(configs).inputs
    assert (file.name, file.path) == ("link.png", str(configs.resolve() / "real.png"))


def test_a_changed_input_changes_the_digest(configs: Path) -> None:
    (configs / "x.png").write_bytes(b"1")
    write(configs, a=MINIMAL + "call: {image: {$file: x.png}}")
    before = only_case(configs).digest()
    (configs / "x.png").write_bytes(b"2")
    assert only_case(configs).digest() != before


def test_a_tensor_that_its_file_does_not_have(configs: Path) -> None:
    save_file({"latents": np.zeros(2), "noise": np.zeros(2)}, configs / "two.safetensors")
    save_file({"latents": np.zeros(2)}, configs / "one.safetensors")
    (configs / "damaged.safetensors").write_bytes(b"x")
    call = "call: {a: {$file: two.safetensors#latent}, b: {$file: two.safetensors}, c: {$file: one.safetensors}, "
    write(configs, a=MINIMAL + call + "d: {$file: two.safetensors#noise}, e: {$file: damaged.safetensors#x}}")
    ends = "Name one of latents, noise after '#'"
    assert problems(configs) == [
        "configs/a.yaml: call.a.$file = \"two.safetensors#latent\": the file has no tensor 'latent'; "
        f"did you mean 'latents'? {ends}",
        f'configs/a.yaml: call.b.$file = "two.safetensors": the file has 2 tensors. {ends}',
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_input_that_cannot_be_read_is_a_problem(configs: Path) -> None:
    (configs / "x.png").write_bytes(b"1")
    (configs / "x.png").chmod(0)
    write(configs, a=MINIMAL + "call: {image: {$file: x.png}}")
    assert problems(configs) == [
        'configs/a.yaml: call.image.$file = "x.png": cannot be read (Permission denied); check the file'
    ]


def test_changing_a_users_own_pipeline_changes_the_digest(configs: Path) -> None:
    pipeline = configs / "mine.py"
    pipeline.write_text("class Mine: pass\n")
    write(configs, a="pipeline: ./mine.py:Mine\nmodel: {id: 'builtin:sd-digits'}")
    before = only_case(configs)
    assert before.pipeline == "./mine.py:Mine"
    [file] = before.inputs
    assert (file.name, file.path) == ("./mine.py", str(configs.resolve() / "mine.py"))
    pipeline.write_text("class Mine: pass  # another one\n")
    assert only_case(configs).digest() != before.digest()


def test_inputs_of_the_calls_before_are_inputs_once(configs: Path) -> None:
    (configs / "x.png").write_bytes(b"1")
    (configs / "y.png").write_bytes(b"2")
    call = "call: {image: {$file: x.png}}\n"
    steps = "before: [{method: invert, call: {image: {$file: x.png}, mask: {$file: y.png}}}]"
    write(configs, a=MINIMAL + call + steps)
    assert [file.name for file in only_case(configs).inputs] == ["x.png", "y.png"]


def test_a_backend_of_quantization_is_looked_up(configs: Path) -> None:
    package = installed.diffusers_folder()
    assert package is not None
    (package / "quantizers").mkdir()
    (package / "quantizers" / "auto.py").write_text(
        'AUTO_QUANTIZATION_CONFIG_MAPPING = {\n    "torchao": A,\n}\n'
    )
    write(configs, a=MINIMAL + "quantization: {backend: torchoa, components: [unet]}")
    assert problems(configs) == [
        'configs/a.yaml: quantization.backend = "torchoa": the installed diffusers has no such backend; '
        "did you mean 'torchao'? accepted: torchao"
    ]
    # Other versions may have other backends.
    assert load_files(configs, elsewhere=True)[0].problems == ()
