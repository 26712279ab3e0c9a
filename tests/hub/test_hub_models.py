"""Models from the hub: what is fetched, what the cache gives, and the reason when neither has them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from diffusers import StableDiffusionXLModularPipeline

from tests.hub.conftest import DDPM, UNET, Hub, changed, halved
from tests.support.hub_server import Asked, files_of
from tests.support.tiny.registry import build_folder, tiny_named

SD = DDPM.parent / "sd-digits"


def test_a_pinned_commit_is_used_after_its_branch_has_moved_on(a_hub: Hub) -> None:
    repository = a_hub.repository("org/pinned")
    first = repository.resolve("main")
    repository.commit({**files_of(DDPM), UNET: changed(files_of(DDPM)[UNET])})
    found = a_hub.online.locate("org/pinned", revision=first, load=True)
    local = a_hub.online.locate("builtin:ddpm-digits", load=True)
    assert (found["commit"], found["warnings"]) == (first, [])
    assert found["class"] == "DDIMPipeline"
    assert found["digests"] == local["digests"]
    assert local["commit"] is None


def test_a_moved_revision_gives_the_new_weights_and_says_which_commit(a_hub: Hub) -> None:
    repository = a_hub.repository("org/moves")
    before = a_hub.online.locate("org/moves", load=True)
    second = repository.commit({**files_of(DDPM), UNET: changed(files_of(DDPM)[UNET])})
    after = a_hub.online.locate("org/moves", load=True)
    assert (before["commit"], after["commit"]) == (next(iter(repository.commits)), second)
    assert before["digests"].keys() == after["digests"].keys() == {"unet"}
    assert before["digests"] != after["digests"]
    (warning,) = after["warnings"]
    assert warning.startswith("org/moves: revision 'main' floats")
    assert second in warning
    accepted = a_hub.online.locate("org/moves", floating="the newest is what is watched")
    assert (accepted["commit"], accepted["warnings"]) == (second, [])


@pytest.mark.parametrize("request_number", range(1, 9))
def test_a_revision_that_moves_meanwhile_is_one_commit_all_the_same(a_hub: Hub, request_number: int) -> None:
    repository = a_hub.repository(f"org/moving-{request_number}")
    other = {**files_of(DDPM), UNET: changed(files_of(DDPM)[UNET])}
    before = len(a_hub.server.asked)

    def move(asked: Asked) -> None:
        if len(a_hub.server.asked) == before + request_number:
            repository.commit(other)

    a_hub.server.before_answer = move
    found = a_hub.online.locate(repository.name)
    a_hub.server.before_answer = lambda asked: None
    weights = repository.commits[found["commit"]][UNET]
    assert Path(found["path"]).name == found["commit"]
    assert (Path(found["path"]) / UNET).read_bytes() == weights


def test_branches_with_a_slash_are_revisions(a_hub: Hub) -> None:
    repository = a_hub.repository("org/branches")
    other = repository.commit(files_of(DDPM), "refs/pr/1")
    assert a_hub.online.locate("org/branches", revision="refs/pr/1")["commit"] == other


def test_a_commit_in_the_cache_needs_no_network(a_hub: Hub) -> None:
    commit = a_hub.repository("org/kept").resolve("main")
    a_hub.online.locate("org/kept")
    asked = len(a_hub.server.asked)
    assert a_hub.online.locate("org/kept", revision=commit)["commit"] == commit
    assert len(a_hub.server.asked) == asked


def test_an_offline_machine_with_a_filled_cache_has_the_model(a_hub: Hub) -> None:
    commit = a_hub.repository("org/filled").resolve("main")
    online = a_hub.online.locate("org/filled", load=True)
    pinned = a_hub.offline.locate("org/filled", revision=commit, load=True)
    floating = a_hub.offline.locate("org/filled", revision="main", load=True)
    assert pinned["digests"] == floating["digests"] == online["digests"]
    assert (pinned["commit"], pinned["warnings"]) == (commit, [])
    assert floating["commit"] == commit
    assert commit in " ".join(floating["warnings"])


def test_an_offline_machine_with_an_empty_cache_says_so(a_hub: Hub) -> None:
    a_hub.repository("org/never")
    reason = a_hub.offline.locate("org/never")["unavailable"]
    assert reason.startswith("org/never: HF_HUB_OFFLINE is set, and the cache ")
    assert "has no copy" in reason
    assert reason.endswith("`hf download org/never`")


def test_half_a_model_in_the_cache_is_not_a_model(a_hub: Hub) -> None:
    commit = a_hub.repository("org/half").resolve("main")
    folder = a_hub.online.locate("org/half")["path"]
    for name in (UNET, "scheduler/scheduler_config.json"):
        (a_hub.home / folder / name).unlink()
        reason = a_hub.offline.locate("org/half", revision=commit)["unavailable"]
        assert f"has its commit {commit} without " in reason
        assert name.partition("/")[0] in reason
    assert a_hub.online.locate("org/half", revision=commit)["path"] == folder
    assert a_hub.offline.locate("org/half", revision=commit)["path"] == folder


def test_a_cache_of_an_older_huggingface_hub_serves_too(a_hub: Hub) -> None:
    # It keeps no list of the repository's files.
    a_hub.repository("org/older")
    a_hub.online.locate("org/older")
    (lists,) = (a_hub.home / "hub" / "models--org--older" / "trees").glob("*.json")
    lists.unlink()
    assert "path" in a_hub.offline.locate("org/older")


def test_without_a_network_the_cache_serves_and_says_why(a_hub: Hub) -> None:
    a_hub.repository("org/seen")
    a_hub.repository("org/unseen")
    commit = a_hub.online.locate("org/seen")["commit"]
    with a_hub.server.down():
        seen = a_hub.online.locate("org/seen", revision="main", load=True)
        reason = a_hub.online.locate("org/unseen")["unavailable"]
    assert seen["commit"] == commit
    assert "the hub could not be asked (ConnectError: " in seen["warnings"][1]
    assert seen["warnings"][1].endswith(f"the cached commit {commit} was used")
    assert reason.startswith(f"org/unseen: {a_hub.server.url} cannot be reached (ConnectError: ")
    assert reason.endswith("connect this machine, or fill the cache: `hf download org/unseen`")


def test_a_hub_that_does_not_answer_is_given_up(a_hub: Hub) -> None:
    a_hub.repository("org/slow").faults.seconds = 8
    assert "cannot be reached (ReadTimeout: " in a_hub.online.locate("org/slow")["unavailable"]


def test_a_hub_in_trouble_is_named_with_its_answer(a_hub: Hub) -> None:
    repository = a_hub.repository("org/trouble")
    repository.faults.status = 503
    reason = a_hub.online.locate("org/trouble")["unavailable"]
    assert reason.startswith(f"org/trouble: {a_hub.server.url} answered 503, and the cache ")
    repository.faults.status = None
    commit = a_hub.online.locate("org/trouble")["commit"]
    repository.faults.status = 500
    assert a_hub.online.locate("org/trouble")["commit"] == commit


def test_an_unknown_repository_and_a_private_one_look_alike(a_hub: Hub) -> None:
    reason = a_hub.online.locate("org/nothing")["unavailable"]
    assert reason.startswith(f"org/nothing: {a_hub.server.url} has no such repository")
    assert reason.endswith("check model.id, or run `hf auth login`")


def test_a_gated_repository_opens_with_a_token(a_hub: Hub) -> None:
    repository = a_hub.repository("org/gated")
    repository.faults.gated_for = "hf_letmein"
    reason = a_hub.online.locate("org/gated")["unavailable"]
    assert reason.startswith("org/gated: the repository is gated; accept its licence at ")
    assert reason.endswith("org/gated and run `hf auth login`")
    found = a_hub.online.locate("org/gated", variables={"HF_TOKEN": "hf_letmein"})
    a_hub.online.locate("org/gated", variables={"HF_TOKEN": ""})
    assert found["commit"] == repository.resolve("main")


def test_a_revision_that_is_not_there(a_hub: Hub) -> None:
    a_hub.repository("org/revisions")
    a_hub.online.locate("org/revisions")
    for revision in ("v9", "0" * 40):
        reason = a_hub.online.locate("org/revisions", revision=revision)["unavailable"]
        assert reason.startswith(f"org/revisions: the repository has no revision {revision!r}")


@pytest.mark.parametrize("name", ["unet/config.json", UNET])
def test_a_file_that_is_listed_and_not_there(a_hub: Hub, name: str) -> None:
    repository = a_hub.repository(f"org/lacks-{len(name)}")
    repository.faults.absent.add(name)
    reason = a_hub.online.locate(repository.name)["unavailable"]
    assert reason.startswith(f"{repository.name}: the hub lacks {name} at revision 'main'; ")


def test_a_repository_that_is_no_pipeline(a_hub: Hub) -> None:
    a_hub.repository("org/other", {"config.json": b"{}", "model.safetensors": b"..."})
    assert "the hub lacks model_index.json" in a_hub.online.locate("org/other")["unavailable"]


def test_a_connection_dropped_once_is_taken_up_again(a_hub: Hub) -> None:
    repository = a_hub.repository("org/dropped")
    repository.faults.cut[UNET] = 1
    found = a_hub.online.locate("org/dropped", load=True)
    local = a_hub.online.locate("builtin:ddpm-digits", load=True)
    assert found["digests"] == local["digests"]
    asked = [one.method for one in a_hub.server.asked if "/store/org/dropped/" in one.path]
    assert asked == ["GET", "GET"]


def test_a_download_that_breaks_off_leaves_nothing_and_the_next_completes(a_hub: Hub) -> None:
    repository = a_hub.repository("org/cut")
    repository.faults.cut[UNET] = 100
    reason = a_hub.online.locate("org/cut")["unavailable"]
    assert reason.startswith("org/cut: the download was interrupted (RemoteProtocolError: ")
    assert reason.endswith("run again: complete files are kept")
    sizes = {len(content) for content in files_of(DDPM).values()}
    assert {path.stat().st_size for path in a_hub.blobs("org/cut")} <= sizes - {len(files_of(DDPM)[UNET])}
    assert UNET.partition("/")[0] in a_hub.offline.locate("org/cut")["unavailable"]
    repository.faults.cut.clear()
    assert a_hub.online.locate("org/cut", load=True)["digests"]


def test_a_file_cut_short_in_the_cache_is_never_used(a_hub: Hub) -> None:
    a_hub.repository("org/damaged")
    found = a_hub.online.locate("org/damaged")
    weights = a_hub.home / found["path"] / UNET
    weights.write_bytes(weights.read_bytes()[:-1])
    reason = a_hub.offline.locate("org/damaged")["unavailable"]
    assert f"{UNET} is damaged" in reason
    assert reason.endswith("delete these files and run again")


def test_pickles_are_refused_and_never_fetched(a_hub: Hub) -> None:
    files = files_of(DDPM)
    pickled = "unet/diffusion_pytorch_model.bin"
    del files[UNET]
    a_hub.repository("org/pickled", {**files, pickled: b"\x80\x04."})
    key, value, message = a_hub.online.locate("org/pickled")["rejection"]
    assert (key, value) == ("model.id", "org/pickled")
    assert pickled in message
    assert "https://huggingface.co/spaces/safetensors/convert" in message
    assert "safe_serialization=True" in message
    assert a_hub.fetched("org/pickled") == {"model_index.json"}


def test_a_pickle_beside_safetensors_is_left_alone(a_hub: Hub) -> None:
    pickled = "unet/diffusion_pytorch_model.bin"
    a_hub.repository("org/both", {**files_of(DDPM), pickled: b"\x80\x04."})
    assert a_hub.online.locate("org/both", load=True)["digests"]
    assert UNET in a_hub.fetched("org/both")
    assert pickled not in a_hub.fetched("org/both")


def test_only_the_variant_is_fetched(a_hub: Hub) -> None:
    half = UNET.replace(".safetensors", ".fp16.safetensors")
    a_hub.repository("org/variants", {**files_of(DDPM), half: halved(files_of(DDPM)[UNET])})
    found = a_hub.online.locate("org/variants", variant="fp16")
    assert half in a_hub.fetched("org/variants")
    assert UNET not in a_hub.fetched("org/variants")
    assert "has no variant" not in " ".join(found["warnings"])
    key, value, message = a_hub.online.locate("org/variants", variant="bf16")["rejection"]
    assert (key, value) == ("model.variant", "bf16")
    assert message.endswith("it has: null (the default), fp16")
    assert "path" in a_hub.offline.locate("org/variants", variant="fp16")
    assert "without unet" in a_hub.offline.locate("org/variants")["unavailable"]


def test_components_without_the_variant_are_named(a_hub: Hub) -> None:
    files = files_of(SD)
    half = UNET.replace(".safetensors", ".fp16.safetensors")
    a_hub.repository("org/mixture", {**files, half: halved(files[UNET])})
    warnings = a_hub.online.locate("org/mixture", variant="fp16")["warnings"]
    named = [warning for warning in warnings if "has no variant 'fp16'" in warning]
    assert [warning.partition(" ")[0] for warning in named] == ["text_encoder", "vae"]


def test_a_component_set_to_null_is_neither_fetched_nor_judged(a_hub: Hub) -> None:
    files = files_of(SD)
    index = json.loads(files["model_index.json"])
    index["safety_checker"] = ["stable_diffusion", "StableDiffusionSafetyChecker"]
    pickled = "safety_checker/pytorch_model.bin"
    files |= {"model_index.json": json.dumps(index).encode(), pickled: b"\x80\x04."}
    a_hub.repository("org/unsafe", files)
    assert pickled in a_hub.online.locate("org/unsafe")["rejection"][2]
    found = a_hub.online.locate("org/unsafe", components={"safety_checker": None}, load=True)
    assert found["class"] == "StableDiffusionPipeline"
    assert pickled not in a_hub.fetched("org/unsafe")


def test_code_in_the_repository_is_refused_and_never_fetched(a_hub: Hub) -> None:
    files = files_of(DDPM)
    index = {**json.loads(files["model_index.json"]), "unet": ["my_unet", "MyUNet"]}
    files |= {"model_index.json": json.dumps(index).encode(), "unet/my_unet.py": b"raise SystemExit"}
    a_hub.repository("org/code", files)
    key, _, message = a_hub.online.locate("org/code")["rejection"]
    assert key == "model.id"
    assert message.startswith(
        "its unet is defined in its own unet/my_unet.py; code from a model's folder is never run"
    )
    assert a_hub.fetched("org/code") == {"model_index.json"}


def test_options_that_are_the_machines_own_are_refused(a_hub: Hub) -> None:
    key, value, message = a_hub.online.locate("org/any", components={"token": "hf_secret"})["rejection"]
    assert (key, value) == ("model.components.token", "...")
    assert "HF_TOKEN" in message


def test_a_name_that_no_hub_has_is_refused(a_hub: Hub) -> None:
    assert a_hub.online.locate("org/what is this")["rejection"][0] == "model.id"


def test_a_branch_that_is_gone_is_not_taken_from_the_cache(a_hub: Hub) -> None:
    repository = a_hub.repository("org/gone")
    repository.commit(files_of(DDPM), "draft")
    assert "path" in a_hub.online.locate("org/gone", revision="draft")
    del repository.revisions["draft"]
    assert "has no revision 'draft'" in a_hub.online.locate("org/gone", revision="draft")["unavailable"]


def test_the_prior_that_a_combined_pipeline_loads_comes_with_it(a_hub: Hub, tmp_path: Path) -> None:
    for name in ("Decoder", "Prior"):
        build_folder(tiny_named(f"StableCascade{name}Pipeline"), tmp_path / name)
    (tmp_path / "Decoder" / "README.md").write_text("---\nprior:\n- org/prior\n---\n")
    prior = a_hub.repository("org/prior", files_of(tmp_path / "Prior"))
    a_hub.repository("org/decoder", files_of(tmp_path / "Decoder"))
    job = {"model_id": "org/decoder", "pipeline": "StableCascadeCombinedPipeline", "load": True}
    online, offline = a_hub.online.locate(**job), a_hub.offline.locate(**job)
    assert {"prior_prior", "decoder", "vqgan"} <= online["digests"].keys()
    assert offline["digests"] == online["digests"]
    assert f"org/prior: revision 'main' floats; commit {prior.resolve('main')}" in " ".join(
        online["warnings"]
    )


def test_weights_at_the_root_of_a_repository_are_found_beside_their_pickles(a_hub: Hub) -> None:
    # As google/ddpm-cifar10-32 is laid out: no folder per component, .bin files beside the safetensors.
    nested = files_of(DDPM)
    files = {name.rpartition("/")[2]: content for name, content in nested.items()}
    a_hub.server.repository("org/flat", {**files, "diffusion_pytorch_model.bin": b"a pickle"})
    found = a_hub.online.locate("org/flat", pipeline="DDIMPipeline", load=True)
    local = a_hub.online.locate("builtin:ddpm-digits", load=True)
    assert found["digests"] == local["digests"], found
    assert not (Path(found["path"]) / "diffusion_pytorch_model.bin").exists()


def test_a_modular_folder_takes_components_from_the_hub(a_hub: Hub, tmp_path: Path) -> None:
    build_folder(tiny_named("StableDiffusionXLPipeline"), tmp_path / "xl")
    pipeline = StableDiffusionXLModularPipeline(pretrained_model_name_or_path=str(tmp_path / "xl"))
    unrelated = {"unet/diffusion_pytorch_model.bin": b"a pickle", "unet/run.py": b"raise SystemExit"}
    repository = a_hub.repository("org/parts", {**files_of(tmp_path / "xl"), **unrelated})
    pipeline.save_config(str(tmp_path / "modular"))
    index = tmp_path / "modular/modular_model_index.json"
    values = json.loads(index.read_text())
    values["unet"][2] |= {"pretrained_model_name_or_path": "org/parts", "revision": "main"}
    index.write_text(json.dumps(values))
    online = a_hub.online.locate(str(tmp_path / "modular"), load=True)
    offline = a_hub.offline.locate(str(tmp_path / "modular"), load=True)
    whole = a_hub.online.locate(str(tmp_path / "xl"), load=True)
    assert online["digests"] == offline["digests"] == whole["digests"]
    assert a_hub.fetched("org/parts") == {"unet/config.json", "unet/diffusion_pytorch_model.safetensors"}
    commit = repository.resolve("main")
    assert f"org/parts: revision 'main' floats; commit {commit} was used" in " ".join(online["warnings"])


@pytest.fixture(scope="module")
def modular(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that a modular pipeline's save_pretrained wrote, whose index names where it was saved."""
    folder = tmp_path_factory.mktemp("modular")
    build_folder(tiny_named("StableDiffusionXLPipeline"), folder / "xl")
    pipeline = StableDiffusionXLModularPipeline(pretrained_model_name_or_path=str(folder / "xl"))
    pipeline.load_components()
    pipeline.save_pretrained(str(folder / "saved"), overwrite_modular_index=True)
    return folder / "saved"


def test_a_repository_that_has_a_modular_index_alone(a_hub: Hub, modular: Path) -> None:
    name = "org/modular"
    own = {path: content.replace(str(modular).encode(), name.encode()) if path.endswith("index.json") else content
           for path, content in files_of(modular).items()}  # fmt: skip
    repository = a_hub.repository(name, {**own, "unet/other.bin": b"a pickle", "extra/more.safetensors": b""})
    commit = repository.resolve("main")
    found = a_hub.online.locate(name, revision=commit, load=True)
    local = a_hub.online.locate(str(modular), load=True)
    assert (found["commit"], found["class"]) == (commit, "StableDiffusionXLModularPipeline")
    assert found["digests"] == local["digests"]
    assert {"unet", "vae", "text_encoder"} <= found["digests"].keys()
    assert not {"unet/other.bin", "extra/more.safetensors"} & a_hub.fetched(name)
    offline = a_hub.offline.locate(name, revision=commit, load=True)
    assert (offline["commit"], offline["digests"]) == (commit, local["digests"])
    floating = a_hub.online.locate(name, load=True)
    assert (floating["commit"], floating["digests"]) == (commit, local["digests"])
    assert any("floats" in warning for warning in floating["warnings"])


def test_a_modular_repository_whose_weights_do_not_arrive_is_unavailable(a_hub: Hub, modular: Path) -> None:
    repository = a_hub.repository("org/modular-cut", files_of(modular))
    repository.faults.absent = {"unet/diffusion_pytorch_model.safetensors"}
    found = a_hub.online.locate("org/modular-cut")
    assert found.keys() == {"unavailable"}
    assert found["unavailable"].startswith("org/modular-cut: ")
    # The index is in the cache by now, and the weights are not.
    offline = a_hub.offline.locate("org/modular-cut")
    assert "unet/*.safetensors is missing; connect this machine" in offline["unavailable"]
