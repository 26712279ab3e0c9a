"""A run that leaves its process changed says what it changed, and no other run is done in that process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.core.capture import Outcome
from harness.core.case import Case, Preparation
from harness.core.messages import Progress
from harness.run.executor import LocalExecutor
from harness.run.pool import WorkerPool
from harness.run.trial import Trial
from tests.core.samples import case
from tests.outside.leaks.conftest import HERE, Bench, stored
from tests.support.starts.in_process import forking

LEFT = {
    "default dtype": (
        "import torch; torch.set_default_dtype(torch.float64)",
        "import torch; torch.set_default_dtype(torch.float32)",
        "torch: default dtype: the run changed it from torch.float32 to torch.float64 and did not restore it",
    ),
    "default device": (
        "import torch; torch.set_default_device('meta')",
        "import torch; torch.set_default_device(None)",
        "torch: default device: the run changed it from cpu to meta",
    ),
    "grad mode": (
        "import torch; torch.set_grad_enabled(True)",
        "",
        "torch: grad mode: the run changed it from False to True",
    ),
    "threads": (
        "import torch; torch.set_num_threads(2)",
        "",
        "switch threads: the pipeline changed it from 1 to 2",
    ),
    "warn only": (
        "import torch; torch.use_deterministic_algorithms(True, warn_only=True)",
        "",
        "torch: deterministic algorithms, warn only: the run changed it from False to True",
    ),
    "fill": (
        "import torch; torch.utils.deterministic.fill_uninitialized_memory = False",
        "import torch; torch.utils.deterministic.fill_uninitialized_memory = True",
        "fill uninitialized memory: the run changed it from True to False",
    ),
    "SDPA": (
        "import torch; torch.backends.cuda.enable_flash_sdp(True)",
        "",
        "switch sdpa_backends: the pipeline changed it",
    ),
    "matmul": (
        "import torch; torch.set_float32_matmul_precision('medium')",
        "",
        "switch float32_matmul_precision: the pipeline changed it from highest to medium",
    ),
    "reduction": (
        "import torch; torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False",
        "import torch; torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = True",
        "allow_bf16_reduced_precision_reduction: the run changed it from True to False",
    ),
    "cudnn": (
        "import torch; torch.backends.cudnn.enabled = False",
        "import torch; torch.backends.cudnn.enabled = True",
        "switch cudnn_enabled: the pipeline changed it from True to False",
    ),
    "oneDNN": (
        "import torch; torch.backends.mkldnn.enabled = False",
        "import torch; torch.backends.mkldnn.enabled = True",
        "switch onednn: the pipeline changed it from True to False",
    ),
    "autocast": (
        "import torch; torch.set_autocast_enabled('cpu', True)",
        "import torch; torch.set_autocast_enabled('cpu', False)",
        "torch: autocast: the run changed it from cpu False to cpu True",
    ),
    "autocast dtype": (
        "import torch; torch.set_autocast_dtype('cpu', torch.float16)",
        "import torch; torch.set_autocast_dtype('cpu', torch.bfloat16)",
        "torch: autocast dtype: the run changed it",
    ),
    "denormals": (
        "import torch; torch.set_flush_denormal(True)",
        "import torch; torch.set_flush_denormal(False)",
        "torch: flush denormal: the run changed it from False to True",
    ),
    "anomalies": (
        "import torch; torch.autograd.set_detect_anomaly(True)",
        "import torch; torch.autograd.set_detect_anomaly(False)",
        "torch: anomaly detection: the run changed it",
    ),
    "a mode": (
        "import sys, torch.overrides; sys.mode = torch.overrides.BaseTorchFunctionMode(); sys.mode.__enter__()",
        "import sys; sys.mode.__exit__(None, None, None); del sys.mode",
        "torch: function modes: the run changed it from 0 to 1",
    ),
    "a hook of all modules": (
        "import sys, torch; "
        "sys.hook = torch.nn.modules.module.register_module_forward_hook(lambda *args: None)",
        "import sys; sys.hook.remove(); del sys.hook",
        "torch: hooks of all modules: the run changed it",
    ),
    "a function of torch": (
        "import sys, torch; sys.silu = torch.nn.functional.silu; torch.nn.functional.silu = lambda x: x",
        "import sys, torch; torch.nn.functional.silu = sys.silu; del sys.silu",
        "torch.nn.functional.silu: the run replaced it",
    ),
    "a method of torch": (
        "import sys, torch; sys.kept = torch.nn.Linear.forward; torch.nn.Linear.forward = lambda s, x: x",
        "import sys, torch; torch.nn.Linear.forward = sys.kept; del sys.kept",
        "torch.nn.modules.linear.Linear.forward: the run replaced it",
    ),
    "a method of a class that this pipeline does not use": (
        "import diffusers, sys; sys.kept = diffusers.EulerDiscreteScheduler.step; "
        "diffusers.EulerDiscreteScheduler.step = lambda self, *args: None",
        "import diffusers, sys; diffusers.EulerDiscreteScheduler.step = sys.kept; del sys.kept",
        "EulerDiscreteScheduler.step: the run replaced it",
    ),
    "an activation in a table": (
        "import torch; from diffusers.models.activations import ACT2CLS; ACT2CLS['silu'] = torch.nn.Identity",
        "import torch; from diffusers.models.activations import ACT2CLS; ACT2CLS['silu'] = torch.nn.SiLU",
        "diffusers.models.activations.ACT2CLS: the run replaced it",
    ),
    "an activation in a table of a class of its own": (
        "import sys, transformers.activations as m; sys.kept = dict.get(m.ACT2FN, 'gelu'); "
        "m.ACT2FN['gelu'] = m.ACT2FN['relu'].__class__",
        "import sys, transformers.activations as m; m.ACT2FN['gelu'] = sys.kept; del sys.kept",
        "transformers.activations.ACT2FN: the run replaced it",
    ),
    "the code of a function": (
        "import sys, torch; f = torch.nn.functional.relu6; sys.kept = f.__code__; "
        "f.__code__ = (lambda input, inplace=False: input).__code__",
        "import sys, torch; torch.nn.functional.relu6.__code__ = sys.kept; del sys.kept",
        "torch.nn.functional.relu6: the run replaced it",
    ),
    "the defaults of a method": (
        "import sys; from diffusers import EulerDiscreteScheduler as c; sys.kept = c.step.__defaults__; "
        "c.step.__defaults__ = (*sys.kept[:-1], 'another')",
        "import sys; from diffusers import EulerDiscreteScheduler as c; "
        "c.step.__defaults__ = sys.kept; del sys.kept",
        "EulerDiscreteScheduler.step: the run replaced it",
    ),
    "a function that libraries copy with": (
        "import copy, sys; sys.kept = copy.copy; copy.copy = lambda one: one",
        "import copy, sys; copy.copy = sys.kept; del sys.kept",
        "copy.copy: the run replaced it",
    ),
    "an inherited method": (
        "import diffusers; diffusers.UNet2DModel.__call__ = lambda self, *args: None",
        "import diffusers; del diffusers.UNet2DModel.__call__",
        "UNet2DModel.__call__: the run replaced it",
    ),
    "a function that diffusers imported": (
        "import diffusers.schedulers.scheduling_ddim as m, sys; sys.kept = m.randn_tensor; "
        "m.randn_tensor = lambda *args, **kwargs: None",
        "import diffusers.schedulers.scheduling_ddim as m, sys; m.randn_tensor = sys.kept; del sys.kept",
        "diffusers.schedulers.scheduling_ddim.randn_tensor: the run replaced it",
    ),
    "warnings": (
        "import warnings; warnings.filterwarnings('ignore', 'some words', UserWarning)",
        "import warnings; del warnings.filters[0]; warnings._filters_mutated()",
        "warnings.filters: the run changed it from nothing to ignore:some words:UserWarning",
    ),
    "a variable": (
        "import os; os.environ['MKL_CBWR_OF_MINE'] = 'AVX'",
        "import os; del os.environ['MKL_CBWR_OF_MINE']",
        "environment variable MKL_CBWR_OF_MINE: the run changed it from nothing to AVX",
    ),
    "a secret": (
        "import os; os.environ['HF_TOKEN'] = 'hf_abc'",
        "import os; del os.environ['HF_TOKEN']",
        "environment variable HF_TOKEN: the run changed it and did not restore it",
    ),
    "the folder": (
        "import os, sys; sys.kept = os.getcwd(); os.chdir('/')",
        "import os, sys; os.chdir(sys.kept); del sys.kept",
        "to / and did not restore it",
    ),
    "sys.path": (
        "import sys; sys.path.insert(0, '/of/mine')",
        "import sys; sys.path.remove('/of/mine')",
        "sys.path: the run changed it from nothing to /of/mine",
    ),
    "logging": (
        "import diffusers; diffusers.utils.logging.set_verbosity_debug()",
        "import diffusers; diffusers.utils.logging.set_verbosity_warning()",
        "logging level of diffusers: the run changed it from 30 to 10",
    ),
    "recursion": (
        "import sys; sys.setrecursionlimit(12345)",
        "import sys; sys.setrecursionlimit(1000)",
        "to 12345 and did not restore it",
    ),
    "umask": (
        "import os; os.umask(0o007)",
        "import os; os.umask(0o022)",
        "umask: the run changed it from 0o22 to 0o7",
    ),
    "decimals": (
        "import decimal; decimal.getcontext().prec = 5",
        "import decimal; decimal.getcontext().prec = 28",
        "decimal context: the run changed it from 28 to 5",
    ),
    "numpy": (
        "import numpy; numpy.seterr(over='ignore')",
        "import numpy; numpy.seterr(over='warn')",
        "numpy errors: the run changed it",
    ),
    "a signal": (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)",
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_DFL)",
        "signal handlers: the run changed it",
    ),
}
"""What a run does, how the test undoes it, and the words that say so."""


def leaving(does: str, **changes: object) -> Case:
    call = {"does": does, "output_type": "np"}
    return case(**{"base": str(HERE), "pipeline": "./leaving.py:Leaving", "call": call, **changes})


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """An executor that has imported what a run imports."""
    bench = Bench(tmp_path_factory.mktemp("left"))
    assert bench.capture(leaving("", determinism=bench.switches)).warnings == ()
    assert not bench.runner.spent
    return bench


@pytest.mark.parametrize("left", LEFT)
def test_it_is_a_warning_of_the_capture_that_names_what_from_and_to(bench: Bench, left: str) -> None:
    does, undo, words = LEFT[left]
    try:
        warnings = bench.capture(leaving(does, determinism=bench.switches)).warnings
    finally:
        exec(undo, {})
    assert [one for one in warnings if words in one], warnings
    assert bench.runner.spent


class Quiet:
    """An observer that is told everything and says nothing."""

    def started(self, trial: Trial) -> None:
        """Say nothing."""

    def progressed(self, trial: Trial, progress: Progress) -> None:
        """Say nothing."""

    def finished(self, trial: Trial, outcome: Outcome) -> None:
        """Say nothing."""


def in_one_worker(folder: Path, *cases: Case) -> Iterator[tuple[tuple[str, ...], object]]:
    """The warnings of each case and the bits of its outputs."""
    trials = [Trial(one, folder / f"{one.id}.safetensors") for one in cases]
    with forking(), WorkerPool(LocalExecutor("cpu", folder), Quiet()) as pool:
        done = dict.fromkeys(trial.case.id for trial, _ in pool.conduct(trials, 1))
    assert len(done) == len(cases)
    for trial in trials:
        document = stored(trial.capture)
        yield document.warnings, document.sha256["output/images"]


def test_the_next_case_gets_another_worker(tmp_path: Path) -> None:
    # Threads and environment variables are those of one process, so all three share a worker by rights.
    does = "import os, torch; os.environ['LEFT'] = str(os.getpid()); torch.set_default_dtype(torch.float64)"
    seen = (
        "import os, torch; assert 'LEFT' not in os.environ; assert torch.get_default_dtype() is torch.float32"
    )
    found = list(
        in_one_worker(
            tmp_path,
            leaving(seen, id="a"),
            leaving(does, id="b"),
            leaving(seen, id="c"),
            case(
                id="d",
                pipeline="DDIMPipeline",
                base=str(HERE),
                before=(Preparation("set_progress_bar_config"),),
            ),
        )
    )
    assert [[one.partition(": the run")[0] for one in warnings] for warnings, _ in found] == [
        [],
        ["environment variable LEFT", "torch: default dtype"],
        [],
        [],
    ]
    assert len({bits for _, bits in found}) == 1
