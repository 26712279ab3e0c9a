"""A process that locates and loads models, a JSON line per job; huggingface_hub reads its settings at import."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import diffusers
import torch
from diffusers import DiffusionPipeline

from harness.core.case import ModelSpec
from harness.worker.model_files import models, weights
from harness.worker.model_files.hub_errors import ModelUnavailable
from harness.worker.rejection import Rejection


def answer(job: dict) -> dict:
    for name, value in job.pop("variables", {}).items():
        os.environ[name] = value
    name, base, load = job.pop("pipeline", "auto"), Path(job.pop("base", "/")), job.pop("load", False)
    pipeline_class = DiffusionPipeline if name == "auto" else getattr(diffusers, name)
    spec = ModelSpec(**job)
    try:
        source = models.locate(spec, base, pipeline_class=pipeline_class)
        pipeline = models.load(source, spec, base, pipeline_class) if load else None
    except ModelUnavailable as error:
        return {"unavailable": str(error)}
    except Rejection as rejection:
        return {"rejection": [rejection.key, rejection.value, rejection.message]}
    return {
        "path": str(source.path),
        "commit": source.commit,
        "warnings": source.warnings,
        "digests": dict(weights.component_digests(pipeline)) if pipeline else {},
        "class": type(pipeline).__name__,
    }


torch.set_num_threads(1)
print("ready", flush=True)
for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
