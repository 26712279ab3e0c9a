"""A report with its goldens and captures, made without torch: a case of every verdict and of every kind of output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from harness.core.capture import Completed, Lost, Outcome, Raised, Unavailable
from harness.core.case import Case, ModelSpec
from harness.core.environment import Environment
from harness.core.measured.calibration import Growth
from harness.core.results.verdict import CaseResult, FileDigest, Report
from harness.explain.results import with_divergence
from harness.golden.calibrations import write_calibration
from harness.golden.store import GoldenStore
from harness.golden.tensors import TensorFile, file_sha256
from harness.judge.evidence import gathered
from harness.judge.judge import judge
from tests.golden.builders import ACCEPTED, environment
from tests.support.calibrations import calibration_from, evidence
from tests.support.traces import Call, write_trace

ATTACK = "<script>alert(1)</script>"
STARTED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
STEPS = 12


@dataclass
class Sample:
    """A folder with goldens and captures, and the results of judging them so far."""

    folder: Path
    results: list[CaseResult] = field(default_factory=list)
    before: Environment = field(default_factory=lambda: environment(torch="2.12.0"))
    now: Environment = field(default_factory=environment)

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def case(
        self,
        case_id: str,
        golden: Mapping[str, Any] | None,
        now: Mapping[str, Any] | Outcome,
        *,
        text: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {}),
        calls: tuple[list[Call], list[Call]] = ([], []),
        other: Case | None = None,
        **changes: Any,
    ) -> CaseResult:
        """Judge a case whose golden holds the outputs `golden`; `other` is the case that the golden is of."""
        fields: dict[str, Any] = {
            "pipeline": "StableDiffusionPipeline",
            "model": ModelSpec("builtin:sd-digits"),
            "steps": STEPS,
        }
        case = Case(id=case_id, source=f"configs/{case_id}.yaml", base="configs", **(fields | changes))
        store = GoldenStore(self.folder / "goldens")
        if golden is not None:
            path = store.path(case_id, self.before.platform)
            write_trace(
                path,
                calls[0],
                returned=golden,
                text=text[0],
                case=other or case,
                env=self.before,
                accepted=ACCEPTED,
            )
        outcome, digest = self._outcome(case, now, text[1], calls[1])
        with gathered(case, outcome, store, digest=digest) as evidence:
            result = with_divergence(evidence, judge(evidence))
        self.results.append(result)
        return result

    def calibrate(self, case_id: str) -> None:
        """Put a calibration beside the golden of a case, whose outputs rounding moves by 4e-6."""
        golden = GoldenStore(self.folder / "goldens").path(case_id, self.before.platform)
        rounding = tuple(4e-7 * (step + 1) for step in range(STEPS))
        growth = (Growth("unet.forward", rounding), Growth("scheduler.step", rounding))
        with TensorFile(golden) as file:
            found = calibration_from([evidence("ulp", 4e-6, growth=growth)], file)
        write_calibration(golden, replace(found, case=case_id, platform=self.before.platform))

    def report(self, **changes: Any) -> Report:
        return replace(Report(self.now, tuple(self.results), started=STARTED), **changes)

    def _outcome(
        self, case: Case, now: Mapping[str, Any] | Outcome, text: Mapping[str, str], calls: list[Call]
    ) -> tuple[Outcome, FileDigest | None]:
        if not isinstance(now, Mapping):
            return now, None
        path = self.out / "captures" / case.id / "capture.safetensors"
        write_trace(path, calls, returned=now, text=text, case=case, env=self.now)
        return Completed(str(path), self.now, 1.5), FileDigest(path.as_posix(), file_sha256(path))


def run_calls(
    *, tokens: float = 0.0, noise: float = 0.0, kernel: float = 0.0, steps: int = STEPS
) -> list[Call]:
    """The events of a run: `tokens` moves the text encoder's, `noise` the draw, `kernel` each call of the denoiser."""
    rng = np.random.default_rng(1)
    ids = np.arange(8)
    encoded = rng.normal(size=(1, 8, 4)).astype(np.float32) * (1 + tokens)
    latents = rng.normal(size=(1, 4, 4, 4)).astype(np.float32) * (1 + noise)
    calls = [
        Call("text_encoder.forward", {"input_ids": ids}, {"0": encoded}),
        Call("noise.randn", {}, {"0": latents}),
    ]
    for step in range(steps):
        pull = encoded.mean(dtype=np.float64) + np.sin(latents.astype(np.float64) + step)
        predicted = (latents * 0.5 + pull * (1 + kernel)).astype(np.float32)
        calls.append(Call("unet.forward", {"sample": latents}, {"sample": predicted}))
        latents = (latents + 0.3 * predicted).astype(np.float32)
        calls.append(Call("scheduler.step", {"model_output": predicted}, {"prev_sample": latents}))
    calls.append(Call("vae.decode", {"z": latents}, {"sample": np.tanh(latents).repeat(2, -1)}))
    return calls


def picture(height: int = 96, width: int = 128, seed: int = 0, *, shift: float = 0.0) -> np.ndarray:
    """A soft RGB picture with shapes, uint8 (1, height, width, 3)."""
    rows, columns = np.mgrid[:height, :width] / max(height, width)
    rng = np.random.default_rng(seed)
    channels = [
        0.35 + 0.25 * np.sin(3 * columns + phase) * np.cos(2 * rows + phase) for phase in rng.uniform(0, 3, 3)
    ]
    found = np.stack(channels, -1)
    for centre, size in zip(rng.uniform(0.15, 0.7, (5, 2)), rng.uniform(0.05, 0.16, 5), strict=True):
        inside = (rows - centre[0]) ** 2 + (columns - centre[1] - shift) ** 2 < size**2
        found[inside] = 0.3 * found[inside] + 0.7 * rng.uniform(0.2, 0.95, 3)
    return (found * 235 + 10).clip(0, 255).astype(np.uint8)[np.newaxis]


def floats(image: np.ndarray) -> np.ndarray:
    """The same picture as float32 in [0, 1]."""
    return (image / np.float32(255)).astype(np.float32)


def video(frames: int = 16, side: int = 64) -> np.ndarray:
    """A picture that moves to the right, float32 (1, frames, side, side, 3) in [0, 1]."""
    still = [picture(side, side, 3, shift=0.02 * number)[0] for number in range(frames)]
    return floats(np.stack(still))[np.newaxis]


def chirp(count: int = 24_000) -> np.ndarray:
    """A rising tone with an echo, float32 (1, count)."""
    time = np.arange(count) / 16_000
    tone = 0.5 * np.sin(2 * np.pi * (220 + 500 * time) * time) * np.exp(-0.6 * time)
    return (tone + 0.2 * np.roll(tone, 4000))[np.newaxis].astype(np.float32)


def one_level(image: np.ndarray, row: int = 40, column: int = 90) -> np.ndarray:
    """The picture with one channel of one pixel a grey level brighter."""
    changed = image.copy()
    changed[0, row, column, 1] += 1
    return changed


def every_verdict(folder: Path) -> Sample:
    """A run with a case of every verdict and of every kind of output, and text from elsewhere that attacks the page."""
    sample = Sample(folder)
    image, rng = picture(), np.random.default_rng(2)
    clean, moved = run_calls(), run_calls(tokens=3e-3)
    prompt = {"call": {"prompt": f"a handwritten seven {ATTACK}"}, "tags": ("smoke", "sd")}
    for number in range(3):
        name = f"sd/prompts@seed={number}"
        golden, changed = (floats(picture(seed=number, shift=shift)) for shift in (0, 0.004))
        sample.case(name, {"images": golden}, {"images": changed}, calls=(clean, moved), **prompt)
        sample.calibrate(name)
    sample.case("picture/one-pixel", {"images": image}, {"images": one_level(image)}, tags=("smoke",))
    film = video()
    sample.case(
        "video/swapped",
        {"frames": film},
        {"frames": film[:, [*range(6), 7, 6, *range(8, 16)]]},
        pipeline="TextToVideoSDPipeline",
    )
    sound = chirp()
    sample.case(
        "audio/shifted", {"audios": sound}, {"audios": np.roll(sound, 1, 1)}, pipeline="AudioLDMPipeline"
    )
    words = ({"text": "a red fox jumps over the lazy dog"}, {"text": "a blue fox jumps over the lazy dog"})
    sample.case("text/one-word", {}, {}, text=words, pipeline="UniDiffuserPipeline")
    latents = rng.normal(size=(1, 4, 16, 16)).astype(np.float32)
    broken = latents.copy()
    broken[0, 2, 3:6, 4:9] = np.nan
    kernel = run_calls(kernel=2e-4)
    sample.case(
        "latents/nan",
        {"images": latents},
        {"images": broken},
        calls=(clean, kernel),
        call={"output_type": "latent"},
    )
    embeds = rng.normal(size=(1, 24, 64)).astype(np.float32)
    sample.case("map/embeds", {"prompt_embeds": embeds}, {"prompt_embeds": embeds * np.float32(1.0001)})
    flags = np.array([False, False])
    sample.case("numbers/nsfw", {"nsfw_content_detected": flags}, {"nsfw_content_detected": ~flags})
    noise = rng.normal(scale=3e-7, size=(1, 32, 32, 3)).astype(np.float32)
    plain = floats(picture(32, 32))
    sample.case("picture/within", {"images": plain}, {"images": plain + noise}, tags=("smoke",))
    sample.case("picture/identical", {"images": plain}, {"images": plain}, tags=("smoke",))
    here = sample.now
    attack = (
        "Traceback (most recent call last):",
        f"RuntimeError: {ATTACK} </script><img src=x onerror=alert(2)>",
    )
    sample.case("raised/shape", {"images": plain}, Raised(attack[-1], "\n".join(attack), here, 0.4))
    old = Case(id="stale/steps", source="configs/stale/steps.yaml", base="configs", pipeline="DDIMPipeline",
               model=ModelSpec("builtin:ddpm-digits"), steps=50)  # fmt: skip
    sample.case("stale/steps", {"images": plain}, {"images": plain}, other=old, pipeline="DDIMPipeline",
                model=ModelSpec("builtin:ddpm-digits"), steps=20)  # fmt: skip
    sample.case("new/unrecorded", None, {"images": picture(seed=9)})
    sample.case("gpu/only", None, Unavailable("no CUDA device is available"))
    sample.case("lost/worker", None, Lost("the worker was killed (SIGKILL)", ("loading</script>", "Killed")))
    return sample
