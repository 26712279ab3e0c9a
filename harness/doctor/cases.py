"""What in a config makes two runs differ, or makes its golden judge less."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.core.case import BUILTIN, Attention, Case, Determinism, GeneratorKind
from harness.core.formats import PICKLE_SUFFIXES
from harness.core.results.doctor import Finding, Harm
from harness.core.trace import TraceLevel

_SAFE = "safetensors"


def case_findings(case: Case) -> Iterator[Finding]:
    """The findings about one case."""
    for finding in (*_switches(case.determinism), *_definition(case), *_model(case)):
        yield Finding(finding.harm, finding.what, finding.fix, (case.id,))


def _switches(wished: Determinism) -> Iterator[Finding]:
    stated = {
        "algorithms: false": not wished.algorithms,
        "cudnn_benchmark: true": wished.cudnn_benchmark,
        "cudnn_deterministic: false": not wished.cudnn_deterministic,
        "tf32: true": wished.tf32,
        f"attention: {wished.attention}": wished.attention not in (Attention.MATH,),
        "portable: false": not wished.portable,
    }
    for line, harmful in stated.items():
        if harmful:
            what = f"determinism: {{{line}}}"
            yield Finding(Harm.DIFFERS, f"{what} {_EFFECTS[line.partition(':')[0]]}", _DEFAULT)
    if wished.threads > 1:
        what = f"determinism: {{threads: {wished.threads}}} makes sums depend on how many threads there are"
        yield Finding(Harm.DIFFERS, what, _DEFAULT)


_DEFAULT = "leave the key out of the config: its default is the safe one"

_EFFECTS = {
    "algorithms": "lets torch choose algorithms that give other bits each time",
    "cudnn_benchmark": "lets cuDNN choose its algorithm by how fast it was just now",
    "cudnn_deterministic": "lets cuDNN use algorithms that give other bits each time",
    "tf32": "rounds float32 to 10 bits of mantissa on GPUs that can",
    "attention": "chooses a kernel that other GPUs and versions lack or compute otherwise",
    "portable": "gives other bits on other CPUs",
}


def _definition(case: Case) -> Iterator[Finding]:
    if case.generator is GeneratorKind.NONE and "latents" not in case.call:
        fix = "use `generator: cpu` with a seed"
        yield Finding(Harm.DIFFERS, "generator: none draws other noise in each run", fix)
    if case.generator is GeneratorKind.DEVICE:
        fix = "use `generator: cpu`, which draws the same numbers everywhere"
        yield Finding(Harm.WEAK, "generator: device draws other noise on another kind of device", fix)
    if case.allow_nondeterministic:
        fix = "find the cause with `harness repeat --flags both`, and remove the key"
        yield Finding(Harm.WEAK, "nondeterministic: allow accepts runs that differ", fix)
    if case.trace_level is TraceLevel.NONE:
        fix = "remove `trace: none`"
        yield Finding(Harm.WEAK, "trace: none leaves nothing to explain a difference with", fix)
    if case.call.get("output_type") == "pil":
        fix = "use `output_type: np` or `latent`"
        yield Finding(
            Harm.WEAK, "output_type: pil rounds the output to 8 bits, which hides small changes", fix
        )


def _model(case: Case) -> Iterator[Finding]:
    folder = Path(case.base, case.model.id)
    if case.model.id.startswith(BUILTIN) or not folder.is_dir():
        return
    names = [path.name for path in folder.rglob("*") if path.is_file()]
    pickles = sorted(name for name in names if name.endswith(PICKLE_SUFFIXES))
    if pickles and not any(name.endswith(_SAFE) for name in names):
        fix = "convert them: PIPELINE.from_pretrained(FOLDER).save_pretrained(FOLDER), where you trust them"
        yield Finding(Harm.USELESS, f"{case.model.id} holds weights in pickles only ({pickles[0]}, ...)", fix)
