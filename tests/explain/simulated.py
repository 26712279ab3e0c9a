"""A text-to-image pipeline of a few numbers, with a knob for everything that can break in a real one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from harness.core.trace import Structure
from harness.golden.trace import Trace
from tests.support.traces import Call, make_trace, structure_of

Array = np.ndarray


@dataclass
class Knobs:
    """The settings of a run; the defaults are the golden's."""

    # what is asked for
    seed: int = 0
    steps: int = 6
    prompt: tuple[int, ...] = (5, 12, 7, 3)
    # the pipeline's own code
    guidance: float = 7.5
    swapped: bool = False
    scaling: float = 0.18215
    timestep_handed: int = 0
    fewer_turns: int = 0
    latents_times: float = 1.0
    # the scheduler
    offset: int = 1
    spacing: str = "leading"
    beta_end: float = 0.012
    final_alpha: float = 0.9991
    eta: float = 0.0
    hidden_eta: float = 0.0
    clip: float = 0.0
    half_alphas: bool = False
    # text
    dropped: int | None = None
    final_norm: bool = True
    # the denoiser
    head: int | None = None
    softmax: float = 1.0
    eps: float = 1e-5
    activation: str = "silu"
    rounded: bool = False
    element: float = 1.0
    # the rest
    extra_draw: str = ""
    rounded_picture: bool = False
    jitter: float = 0.0
    modules: bool = True
    structure: Mapping[str, Any] = field(default_factory=dict)


class Machine:
    """Runs the pipeline once and notes every event; `fed` is a golden's, passed on instead of its own."""

    def __init__(self, knobs: Knobs, fed: Trace | None = None) -> None:
        self.knobs = knobs
        self.calls: list[Call] = []
        self.random = np.random.default_rng(knobs.seed)
        self.rounding = np.random.default_rng(99)
        weights = np.random.default_rng(7)
        self.embedding = weights.standard_normal((16, 8)).astype(np.float32)
        self.q, self.k, self.v, self.o = (
            weights.standard_normal((8, 8)).astype(np.float32) / 3 for _ in range(4)
        )
        self.inner = weights.standard_normal((4, 8)).astype(np.float32) / 2
        self.outer = weights.standard_normal((8, 4)).astype(np.float32) / 3
        self.first = self.inner.copy()
        if knobs.rounded:
            self.first[1, 2] = self.first[1, 2].astype(ml_dtypes.bfloat16).astype(np.float32)
        self.first[2, 3] *= np.float32(knobs.element)
        self.golden = {event.key: event for event in fed.events} if fed else {}
        self.fed = fed
        self.counts: dict[str, int] = {}

    # what every event goes through

    def note(self, into: list[Call], call: Call) -> Mapping[str, Array]:
        """Keep the call; returns its outputs, or the golden's if those are fed."""
        into.append(call)
        number = self.counts.get(call.name, 0)
        self.counts[call.name] = number + 1
        event = self.golden.get((call.name, number))
        if event is None or self.fed is None:
            return call.outputs
        slots = zip(event.signature.outputs, event.outputs, strict=True)
        kept = {slot.name: self.fed.bits(row, slot) for slot, row in slots}
        return {name: one if kept.get(name) is None else kept[name] for name, one in call.outputs.items()}

    def feed(self, name: str, inputs: dict[str, Array]) -> dict[str, Array]:
        """What the event computes with: the golden's inputs if those are fed."""
        event = self.golden.get((name, self.counts.get(name, 0)))
        if event is None or self.fed is None:
            return inputs
        slots = zip(event.signature.inputs, event.inputs, strict=True)
        kept = {slot.name: self.fed.bits(row, slot) for slot, row in slots}
        return {key: one if kept.get(key) is None else kept[key] for key, one in inputs.items()}

    def shaken(self, value: Array) -> Array:
        """As another machine rounds."""
        if not self.knobs.jitter:
            return value
        noise = self.rounding.standard_normal(value.shape)
        return (value * (1 + self.knobs.jitter * noise)).astype(value.dtype)

    # the parts

    def draw(self, into: list[Call], shape: tuple[int, ...]) -> Array:
        before = hashlib.md5(str(self.random.bit_generator.state).encode()).hexdigest()
        noise = self.random.standard_normal(shape).astype(np.float32)
        values = {"generator": "cpu", "before": before, "after": "x"}
        return self.note(into, Call("noise.randn_tensor", {}, {"noise": noise}, values))["noise"]

    def tokens(self, ids: tuple[int, ...]) -> Array:
        given = list(ids)
        if self.knobs.dropped is not None and len(set(ids)) > 1:
            del given[self.knobs.dropped]
            given.append(0)
        out = {"input_ids": np.array([given], np.int64)}
        return self.note(self.calls, Call("tokenizer.__call__", {}, out, {"text": f"prompt {ids}"}))[
            "input_ids"
        ]

    def embed(self, ids: Array) -> Array:
        fed = self.feed("text_encoder.forward", {"input_ids": ids})
        hidden = self.embedding[fed["input_ids"]] * np.float32(1.7)
        inside = [Call("text_encoder:layers.0.forward", {"hidden": hidden}, {"": np.tanh(hidden)})]
        hidden = np.tanh(hidden)
        if self.knobs.final_norm:
            normed = hidden / np.sqrt((hidden**2).mean(-1, keepdims=True))
            inside.append(Call("text_encoder:final_layer_norm.forward", {"input": hidden}, {"": normed}))
            hidden = normed
        call = Call("text_encoder.forward", {"input_ids": ids}, {"last_hidden_state": self.shaken(hidden)})
        call.inside = inside if self.knobs.modules and not self.counts.get(call.name) else []
        return self.note(self.calls, call)["last_hidden_state"]

    def schedule(self) -> tuple[Array, Array]:
        knobs = self.knobs
        ratio = 1000 // knobs.steps
        steps = np.arange(knobs.steps)[::-1] * ratio + knobs.offset
        if knobs.spacing == "linspace":
            steps = np.linspace(0, 999, knobs.steps).round()[::-1]
        timesteps = steps.astype(np.int64)
        call = Call(
            "scheduler.set_timesteps", {}, {"timesteps": timesteps}, {"num_inference_steps": knobs.steps}
        )
        timesteps = self.note(self.calls, call)["timesteps"]
        betas = np.linspace(0.00085**0.5, knobs.beta_end**0.5, 1000) ** 2
        alphas = np.cumprod(1 - betas)
        return timesteps, alphas.astype(np.float16).astype(np.float64) if knobs.half_alphas else alphas

    def unet(self, sample: Array, timestep: Array, states: Array) -> Array:
        name = "unet.forward"
        first = self.counts.get(name, 0) == 0
        given = {"sample": sample, "timestep": timestep, "encoder_hidden_states": states}
        fed = self.feed(name, given)
        inside: list[Call] = []
        hidden = np.einsum("bchw,cd->bhwd", fed["sample"], self.first).astype(np.float32)
        inside.append(Call("unet:conv_in.forward", {"input": fed["sample"]}, {"": hidden}))
        hidden = hidden + np.float32(np.sin(float(fed["timestep"]) / 100))
        hidden = self.attention(inside, hidden.reshape(len(hidden), -1, 8), fed["encoder_hidden_states"])
        spread = np.sqrt(((hidden - hidden.mean()) ** 2).mean() + np.float32(self.knobs.eps))
        normed = ((hidden - hidden.mean()) / spread).astype(np.float32)
        inside.append(Call("unet:mid_block.norm.forward", {"input": hidden}, {"": normed}))
        active = self.active(normed)
        inside.append(Call("unet:mid_block.nonlinearity.forward", {"input": normed}, {"": active}))
        out = np.einsum("bnd,dc->bcn", active, self.outer).reshape(sample.shape).astype(np.float32)
        inside.append(Call("unet:conv_out.forward", {"input": active}, {"": out}))
        call = Call(name, given, {"sample": self.shaken(out)})
        call.inside = inside if self.knobs.modules and first else []
        return self.note(self.calls, call)["sample"]

    def attention(self, into: list[Call], hidden: Array, states: Array) -> Array:
        q, k, v = hidden @ self.q, states @ self.k, states @ self.v
        scores = np.exp(np.einsum("bnd,bmd->bnm", q, k) * np.float32(0.35 * self.knobs.softmax))
        weights = scores / scores.sum(-1, keepdims=True)
        mixed = (weights @ v).astype(np.float32)
        if self.knobs.head is not None:
            mixed[..., 4 * self.knobs.head : 4 * self.knobs.head + 4] = 0
        out = (mixed @ self.o + hidden).astype(np.float32)
        inside = [
            Call("unet:mid_block.attn.to_q.forward", {"input": hidden}, {"": q}),
            Call("unet:mid_block.attn.to_k.forward", {"input": states}, {"": k}),
            Call("unet:mid_block.attn.to_v.forward", {"input": states}, {"": v}),
            Call("unet:mid_block.attn.to_out.0.forward", {"input": mixed}, {"": mixed @ self.o}),
        ]
        into.append(
            Call(
                "unet:mid_block.attn.forward", {"hidden": hidden, "states": states}, {"": out}, inside=inside
            )
        )
        return out

    def active(self, value: Array) -> Array:
        if self.knobs.activation == "relu":
            return np.maximum(value, 0)
        return (value / (1 + np.exp(-value))).astype(np.float32)

    def step(self, output: Array, timestep: Array, sample: Array, alphas: Array, spacing: int) -> Array:
        knobs, name = self.knobs, "scheduler.step"
        given = {"model_output": output, "timestep": timestep, "sample": sample}
        fed = self.feed(name, given)
        now = float(alphas[int(fed["timestep"])])
        earlier = int(fed["timestep"]) - spacing
        before = float(alphas[earlier]) if earlier >= 0 else knobs.final_alpha
        guess = (fed["sample"] - (1 - now) ** 0.5 * fed["model_output"]) / now**0.5
        if knobs.clip:
            guess = guess.clip(-knobs.clip, knobs.clip)
        eta = knobs.eta + knobs.hidden_eta
        sigma = eta * max(0.0, (1 - before) / (1 - now) * (1 - now / before)) ** 0.5
        result = before**0.5 * guess + (1 - before - sigma**2) ** 0.5 * fed["model_output"]
        call = Call(name, given, {}, {"eta": knobs.eta})
        inside: list[Call] = []
        if eta:
            result = result + sigma * self.draw(inside, sample.shape)
        if knobs.extra_draw == "step":
            self.draw(inside, sample.shape)
        call.inside, call.outputs = inside, {"prev_sample": result.astype(np.float32)}
        if knobs.jitter:
            call.outputs = {"prev_sample": (result * (1 + 1e-8)).astype(np.float32)}
        return self.note(self.calls, call)["prev_sample"]

    def run(self) -> list[Call]:
        knobs = self.knobs
        asked = {"prompt": f"prompt {knobs.prompt}", "guidance_scale": 7.5, "num_inference_steps": 6}
        self.note(self.calls, Call("pipeline.__call__", {}, {}, asked))
        text = self.embed(self.tokens(knobs.prompt))
        nothing = self.embed(self.tokens((0, 0, 0, 0)))
        states = np.concatenate([text, nothing] if knobs.swapped else [nothing, text])
        timesteps, alphas = self.schedule()
        if knobs.extra_draw == "before":
            self.draw(self.calls, (1, 4, 8, 8))
        latents = self.draw(self.calls, (1, 4, 8, 8)) * np.float32(knobs.latents_times)
        spacing = 1000 // knobs.steps
        for timestep in timesteps[: len(timesteps) - knobs.fewer_turns]:
            handed = np.array(timestep + knobs.timestep_handed)
            inputs = np.concatenate([latents, latents])
            call = Call(
                "scheduler.scale_model_input",
                {"sample": inputs, "timestep": np.array(timestep)},
                {"0": inputs},
            )
            inputs = self.note(self.calls, call)["0"]
            noise = self.unet(inputs, handed, states)
            uncond, cond = noise[:1], noise[1:]
            guided = uncond + np.float32(knobs.guidance) * (cond - uncond)
            latents = self.step(guided, np.array(timestep), latents, alphas, spacing)
        return self.finish(latents)

    def finish(self, latents: Array) -> list[Call]:
        given = {"z": latents / np.float32(self.knobs.scaling)}
        fed = self.feed("vae.decode", given)
        picture = np.tanh(np.einsum("bchw,cd->bdhw", fed["z"], self.inner[:, :3]))
        call = Call("vae.decode", given, {"sample": self.shaken(picture.astype(np.float32))})
        picture = self.note(self.calls, call)["sample"]
        given = {"image": picture}
        image = (self.feed("image_processor.postprocess", given)["image"] / 2 + 0.5).clip(0, 1)
        image = np.round(image * 255) / 255 if self.knobs.rounded_picture else image
        call = Call(
            "image_processor.postprocess", given, {"0": image.astype(np.float32)}, {"output_type": "np"}
        )
        image = self.note(self.calls, call)["0"]
        self.note(self.calls, Call("pipeline.output", {"images": image}))
        return self.calls


MODULES = {
    "unet": {
        "": {},
        "conv_in": {"stride": 1},
        "mid_block": {},
        "mid_block.attn": {"scale": 0.35, "heads": 2},
        "mid_block.norm": {"eps": 1e-5},
        "mid_block.nonlinearity": {},
        "conv_out": {},
    }
}
CONFIG = {"scheduler": {"beta_end": 0.012, "clip_sample": False}, "vae": {"scaling_factor": 0.18215}}


def structure(**changes: Any) -> Structure:
    """The structure of the pipeline; `changes` as `scheduler__beta_end=0.02`, `unet__mid_block_norm__eps=1e-6`."""
    config = {name: dict(entries) for name, entries in CONFIG.items()}
    modules = {name: {path: dict(held) for path, held in paths.items()} for name, paths in MODULES.items()}
    for key, value in changes.items():
        component, *rest = key.split("__")
        if len(rest) == 1:
            config.setdefault(component, {})[rest[0]] = value
        else:
            path = {"mid_block_norm": "mid_block.norm", "mid_block_attn": "mid_block.attn"}[rest[0]]
            modules[component][path][rest[1]] = value
    return structure_of(config, modules)


def run(path: Path, fed: Trace | None = None, **knobs: Any) -> Trace:
    """The trace of one run; with `fed` a forced replay of that golden."""
    settings = Knobs(**knobs)
    return make_trace(path, Machine(settings, fed).run(), structure=structure(**settings.structure))
