"""Hand-made results, one of every kind, for the reports to show."""

from __future__ import annotations

from dataclasses import replace

from harness.core.environment import Change, Environment, Hardware, Software, Switches
from harness.core.results.next_step import NextStep, accept_step, harness_step
from harness.core.results.reasons import said
from harness.core.results.recording import (
    Distance,
    ListedCase,
    ListedGolden,
    RecordReport,
    RecordResult,
    RecordState,
    RepeatReport,
    RepeatResult,
)
from harness.core.results.verdict import (
    Boundary,
    CaseResult,
    Divergence,
    ExactFinding,
    Report,
    TensorResult,
    Verdict,
)
from harness.core.tolerance import Relation

ENVIRONMENT = Environment(
    platform="cpu-x86_64",
    hardware=Hardware("cpu", "x86_64", "GenuineIntel", "Intel(R) Xeon(R) Platinum 8488C (6/143)"),
    software=Software("Linux 6.8.0", "3.11.7", packages={"diffusers": "0.42.1", "torch": "2.13.0+cpu"}),
    switches=Switches(
        deterministic_algorithms=True,
        cudnn_enabled=True,
        cudnn_benchmark=False,
        cudnn_deterministic=True,
        tf32_matmul=False,
        tf32_cudnn=False,
        float32_matmul_precision="highest",
        sdpa_backends=("math",),
        threads=1,
        interop_threads=1,
        cpu_capability="AVX512",
        onednn=True,
        cublas_workspace=":4096:8",
        variables={"ATEN_CPU_CAPABILITY": "avx512"},
    ),
)

LONG_ID = "sd/variants@call.prompt=a-handwritten-seven-1a2b3c4d,scheduler.class=DDIMScheduler,seed=0"

DRIFTED_TENSOR = TensorResult(
    name="images",
    verdict=Verdict.DRIFTED,
    dtype="float32",
    shape=(1, 16, 16, 3),
    metrics={
        "max_abs": 1.04e-3,
        "mean_abs": 2.0e-5,
        "rel_l2": 3.14e-4,
        "cosine_distance": 4.9e-8,
        "psnr": 66.4,
        "max_ulp": 13422.0,
        "mismatched": 0.97,
    },
    limits={"max_abs": 1e-4, "rel_l2": 1e-5},
    needed={"max_abs": 1.1e-3, "rel_l2": 3.2e-4},
    reasons=said("images: max_abs 0.00104 > 0.0001, rel_l2 0.000314 > 1e-05"),
)

IDENTICAL_TENSOR = TensorResult(
    name="images",
    verdict=Verdict.IDENTICAL,
    dtype="float32",
    shape=(1, 16, 16, 3),
    metrics={
        "max_abs": 0.0,
        "mean_abs": 0.0,
        "rel_l2": 0.0,
        "cosine_distance": 0.0,
        "psnr": None,
        "max_ulp": 0.0,
        "mismatched": 0.0,
    },
    limits={},
    needed={},
)

WITHIN_TENSOR = replace(
    DRIFTED_TENSOR,
    verdict=Verdict.WITHIN,
    metrics={**DRIFTED_TENSOR.metrics, "max_abs": 2e-5, "rel_l2": 3.1e-6},
    needed={},
    reasons=said(""),
)

IDENTICAL = CaseResult(
    case="ddpm-digits/ddim@seed=0",
    verdict=Verdict.IDENTICAL,
    platform="cpu-x86_64",
    relation=Relation.SAME,
    golden="goldens/ddpm-digits/ddim@seed=0/cpu-x86_64.safetensors",
    reasons=said(""),
    seconds=1.24,
    tensors=(IDENTICAL_TENSOR,),
)

WITHIN = replace(
    IDENTICAL,
    case="ddpm-digits/ddim@seed=1",
    verdict=Verdict.WITHIN,
    relation=Relation.SAME_HARDWARE,
    tensors=(WITHIN_TENSOR,),
    environment_changes=(Change("switches.threads", "1", "2"),),
)

DRIFTED = CaseResult(
    case=LONG_ID,
    verdict=Verdict.DRIFTED,
    platform="cpu-x86_64",
    relation=Relation.SAME_HARDWARE,
    golden=f"goldens/{LONG_ID}/cpu-x86_64.safetensors",
    reasons=said("images: max_abs 0.00104 > 0.0001, rel_l2 0.000314 > 1e-05"),
    seconds=12.31,
    tensors=(DRIFTED_TENSOR, replace(WITHIN_TENSOR, name="latents")),
    exact_findings=(
        ExactFinding("scheduler.timesteps", "[980, 960, 940]", "[981, 961, 941]", fails=True),
        ExactFinding("unet.attn_processor", "AttnProcessor", "AttnProcessor2_0", fails=False),
    ),
    boundaries=(
        Boundary("scheduler.step", 0, 1.1e-7, 1e-6, Verdict.WITHIN),
        Boundary("scheduler.step", 3, 4.0e-3, 1e-6, Verdict.DRIFTED),
    ),
    environment_changes=(
        Change("software.os", "Linux 6.1.0", "Linux 6.8.0"),
        Change("software.packages.diffusers", "0.41.0", "0.42.1"),
        Change("software.packages.numpy", "2.2.0", "2.3.1"),
        Change("software.packages.torch", "2.12.0+cpu", "2.13.0+cpu"),
        Change("software.packages.xformers", "0.0.31", None),
        Change("software.python", "3.11.6", "3.11.7"),
        Change("switches.threads", "1", "2"),
        Change("switches.variables.MKL_CBWR", None, "COMPATIBLE"),
    ),
    first_divergence=Divergence(
        stage="scheduler",
        component="scheduler",
        event="scheduler.step",
        index=3,
        module=None,
        rel_l2=4.0e-3,
        sentence="the first difference is the scheduler's step 3: its input matched bit for bit, "
        "its output is off by rel_l2 4e-3; everything after follows from it",
    ),
    next_steps=(accept_step("if the change is intended", LONG_ID),),
    warnings=("python: the pipeline drew from the global generator",),
)

BROKEN = CaseResult(
    case="sd/raises",
    verdict=Verdict.BROKEN,
    platform="cpu-x86_64",
    relation=None,
    golden=None,
    reasons=said("sd/raises: raised ValueError: height has to be divisible by 8 but is 30"),
    seconds=0.52,
    next_steps=(
        harness_step(
            "read the traceback, fix the pipeline or configs/sd/raises.yaml, then run", "verify", "sd/raises"
        ),
    ),
    log=(
        "Traceback (most recent call last):",
        '  File "pipeline.py", line 3, in check_inputs',
        "ValueError: height has to be divisible by 8 but is 30",
    ),
    warnings=("python: the pipeline drew from the global generator",),
)

STALE = replace(
    IDENTICAL,
    case="sd/stale",
    verdict=Verdict.STALE,
    tensors=(),
    reasons=said("steps: 50 in the golden, now 20"),
    next_steps=(harness_step("if the new definition is meant", "record", "--update", "sd/stale"),),
)

NO_GOLDEN = CaseResult(
    case="sd/new",
    verdict=Verdict.NO_GOLDEN,
    platform="cuda-sm90",
    relation=None,
    golden=None,
    reasons=said("no golden on any platform"),
    seconds=3.0,
    next_steps=(harness_step("record one here", "record", "sd/new"),),
)

SKIPPED = CaseResult(
    case="hub/cifar10",
    verdict=Verdict.SKIPPED,
    platform=None,
    relation=None,
    golden=None,
    reasons=said(
        "google/ddpm-cifar10-32: the hub cannot be reached, and no copy lies in the cache of this machine"
    ),
    seconds=0.0,
    next_steps=(harness_step("make it available, then run", "verify", "hub/cifar10"),),
)

ERROR = CaseResult(
    case="unclip/hang",
    verdict=Verdict.ERROR,
    platform=None,
    relation=None,
    golden=None,
    reasons=said("unclip/hang: no result within 600 s; the worker was killed"),
    seconds=600.0,
    next_steps=(harness_step("read the log, then run it alone", "verify", "unclip/hang"),),
    log=("loading prior", "\x1b[31mloading\x1b[0m decoder"),
)

FULL = Report(ENVIRONMENT, (IDENTICAL, WITHIN, DRIFTED, BROKEN, STALE, NO_GOLDEN, SKIPPED, ERROR))
PASSING = Report(ENVIRONMENT, (IDENTICAL, WITHIN, SKIPPED))

RECORD = RecordReport(
    ENVIRONMENT,
    (
        RecordResult("ddpm-digits/new", RecordState.RECORDED, "cpu-x86_64", "goldens/n.safetensors", (), 2.5),
        RecordResult(
            case="ddpm-digits/updated",
            state=RecordState.UPDATED,
            platform="cpu-x86_64",
            golden="goldens/u.safetensors",
            reasons=said(""),
            seconds=2.0,
            tensors=(
                replace(DRIFTED_TENSOR, limits={}, needed={}, reasons=said("images: not bit for bit equal")),
            ),
            definition_changes=(Change("steps", "50", "20"),),
            environment_changes=(Change("software.packages.torch", "2.12.0", "2.13.0"),),
        ),
        RecordResult(
            "ddpm-digits/a",
            RecordState.UNCHANGED,
            "cpu-x86_64",
            "g",
            said("equal to the existing golden bit for bit"),
            2.0,
        ),
        *(
            RecordResult(
                case=f"ddpm-digits/kept-{number}",
                state=RecordState.KEPT,
                platform="cpu-x86_64",
                golden=f"goldens/kept-{number}.safetensors",
                reasons=said("the golden already exists and was not replaced"),
                seconds=0.0,
                next_steps=(
                    harness_step("to record it again", "record", "--update", f"ddpm-digits/kept-{number}"),
                ),
            )
            for number in (1, 2)
        ),
        RecordResult(
            case="ddpm-digits/unseeded",
            state=RecordState.NONDETERMINISTIC,
            platform="cpu-x86_64",
            golden=None,
            reasons=said("two runs in fresh processes gave different bits, so nothing was stored"),
            seconds=2.1,
            tensors=(
                replace(DRIFTED_TENSOR, limits={}, needed={}, reasons=said("images: not bit for bit equal")),
            ),
            next_steps=(
                harness_step("measure it", "repeat", "ddpm-digits/unseeded"),
                NextStep("if it is meant to differ, set `nondeterministic: allow`"),
            ),
            warnings=("python: the pipeline drew from the global generator",),
        ),
    ),
)

REPEAT = RepeatReport(
    ENVIRONMENT,
    (
        RepeatResult(
            "ddpm-digits/ddim@seed=0",
            "cpu-x86_64",
            3,
            True,
            tuple(Distance(*pair, "images", 0.0, 0.0, True) for pair in ((1, 2), (1, 3), (2, 3))),
            (),
            4.25,
        ),
        RepeatResult(
            "ddpm-digits/unseeded",
            "cpu-x86_64",
            3,
            False,
            (
                Distance(1, 2, "images", 0.731, 1.0, False),
                Distance(1, 3, "images", 0.688, 0.5, False),
                Distance(2, 3, "images", 0.0, 0.0, False),
                *(Distance(*pair, "latents", 0.0, 0.0, True) for pair in ((1, 2), (1, 3), (2, 3))),
            ),
            (),
            4.31,
        ),
        RepeatResult(
            "sd/crash",
            None,
            3,
            None,
            (),
            said("run 2: the worker was killed by signal 9"),
            9.0,
            log=("last",),
        ),
        RepeatResult("hub/cifar10", None, 3, None, (), said("the hub cannot be reached"), 0.0, skipped=True),
    ),
)

_TOLERANCE = {
    "same": "exact",
    "same-hardware": "max_abs 0.0001, rel_l2 1e-05",
    "cross-hardware": "max_abs 0.002, rel_l2 0.0001",
}

LISTED = (
    ListedCase(
        "ddpm-digits/ddim@seed=0", "DDIMPipeline", "builtin:ddpm-digits", "cpu", _TOLERANCE,
        (ListedGolden("cpu-x86_64", stale=False), ListedGolden("cuda-sm90", stale=False)), ("smoke",),
    ),
    ListedCase(
        LONG_ID, "StableDiffusionPipeline", "builtin:sd-digits", "cpu", _TOLERANCE,
        (ListedGolden("cpu-x86_64", stale=True),), (),
    ),
    ListedCase("hub/cifar10", "DDPMPipeline", "google/ddpm-cifar10-32", "cpu", _TOLERANCE, (), ()),
    ListedCase(
        "unclip/basic", "UnCLIPPipeline", "builtin:unclip-digits", "cpu",
        {**_TOLERANCE, "cross-hardware": "refuse"}, (ListedGolden("cuda-sm90", stale=False),), (),
    ),
    ListedCase(
        "unclip/damaged", "UnCLIPPipeline", "builtin:unclip-digits", "cpu",
        {**_TOLERANCE, "cross-hardware": "refuse"},
        (ListedGolden("cpu-x86_64", stale=False, readable=False),), (),
    ),
)  # fmt: skip
