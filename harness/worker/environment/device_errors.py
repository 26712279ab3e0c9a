"""Recognise exceptions that come from the device and not from the pipeline: memory that is full, a GPU that is gone."""

from __future__ import annotations

import re
from collections.abc import Iterator

import torch

_NO_MEMORY = (MemoryError, torch.cuda.OutOfMemoryError)

# What the allocators and libraries say that have no class of their own for it.
_NO_MEMORY_TEXT = re.compile(
    r"CUDA(?: driver)? error: out of memory"
    r"|CU(?:BLAS|DNN|SOLVER|SPARSE)_STATUS_ALLOC_FAILED"
    r"|CUFFT_ALLOC_FAILED"
    r"|DefaultCPUAllocator: (?:can't allocate|not enough) memory"
    r"|MPS backend out of memory"
)

# The names of CUDA's errors that end a context whatever the code did: cudaErrorECCUncorrectable and so on. A
# device-side assert is not among them: a kernel checked an index, as an IndexError does on the CPU.
_DEVICE_LOST_TEXT = re.compile(
    r"CUDA(?: driver)? error: (?:"
    r"unspecified launch failure"
    r"|an illegal memory access was encountered"
    r"|misaligned address"
    r"|an illegal instruction was encountered"
    r"|uncorrectable (?:ECC|NVLink) error"
    r"|hardware stack error"
    r"|the launch timed out and was terminated"
    r"|no CUDA-capable device is detected"
    r"|invalid device ordinal"
    r"|CUDA-capable device\(s\) is/are busy or unavailable"
    r"|device kernel image is invalid"
    r"|no kernel image is available for execution on the device"
    r"|GPU is lost"
    r"|unknown error"
    r"|initialization error"
    r"|driver shutting down"
    r"|system (?:not yet initialized|driver)"
    r")"
    r"|CU(?:BLAS|DNN|SOLVER)_STATUS_(?:NOT_INITIALIZED|EXECUTION_FAILED|INTERNAL_ERROR)"
)


def device_problem(error: BaseException) -> str:
    """What the device failed in, with the next step; "" if the exception is not the device's doing.

    Also looks at what the exception was raised from, and while handling what: pipelines wrap errors.
    """
    for one in _chain(error):
        if isinstance(one, _NO_MEMORY) or _NO_MEMORY_TEXT.search(str(one)):
            step = "free it, or use a smaller dtype, `memory: {offload: model}` or `memory: {attention_slicing: max}`"
            return f"the memory of the device is full ({_in_short(one)}); {step}"
        if isinstance(one, RuntimeError) and _DEVICE_LOST_TEXT.search(str(one)):
            step = "run again; if it stays, set CUDA_LAUNCH_BLOCKING=1 to see which operation it is"
            return f"the device failed ({_in_short(one)}); {step}"
    return ""


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__ or following.__context__


def _in_short(error: BaseException) -> str:
    """The type and the first sentence of an exception; those of torch go on for paragraphs."""
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    sentence = re.match(r".*?[.](?= |$)", line)
    return f"{type(error).__name__}: {sentence.group() if sentence else line}".rstrip(".: ")
