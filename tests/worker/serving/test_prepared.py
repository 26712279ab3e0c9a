"""What a fork server does before it forks."""

from __future__ import annotations

import gc
import sys

from harness.worker.environment import fingerprint
from harness.worker.serving import forks


def test_what_every_child_would_do_is_done_before_it_is_forked() -> None:
    fingerprint.providers.cache_clear()
    try:
        forks.prepared(b'["DDIMPipeline", "NoSuchPipeline"]')
        assert "diffusers.pipelines.ddim.pipeline_ddim" in sys.modules
        assert fingerprint.providers.cache_info().currsize == 1
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
