"""What was reached is compared as a whole."""

from __future__ import annotations

import torch

from harness.worker.state.reachable import Walk
from harness.worker.state.watch import Watch


def watched(root: object) -> Watch:
    walk = Walk((), lambda _: False)
    walk.start("it", root)
    return Watch(walk.finish())


def told(watch: Watch) -> list[tuple[str, bool]]:
    return [(one.where, one.undone) for one in watch.changes(thorough=True)]


def test_nothing_changed() -> None:
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1), torch.nn.Dropout())
    watch = watched(module)
    module.eval().train()
    module(torch.ones(1, 1, 1, 1))
    assert told(watch) == []


def test_every_kind_of_change_is_told_at_once() -> None:
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1), torch.nn.Dropout())
    module.generator = torch.Generator()
    watch = watched(module)
    module[0].weight.data.add_(1)
    module[0]._non_persistent_buffers_set.add("x")
    module[1].p = 0.25
    module[1].__class__ = torch.nn.Identity
    torch.rand(1, generator=module.generator)
    assert dict(told(watch)) == {
        "the class of it._modules.1": False,
        "it._modules.1.p": True,
        "it._modules.0._non_persistent_buffers_set": False,
        "it.generator": True,
        "it._modules.0._parameters.weight": False,
    }
