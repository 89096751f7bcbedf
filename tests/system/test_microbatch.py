"""Encoders that take a batch in parts equal those that take it whole (float64), in each method.

Compared: losses, gradients, and parameters and buffers after three steps or more.
"""

from dataclasses import replace

import pytest
import torch
from torch import nn

from common.training.microbatch import Microbatch, encoders_of
from tests.gloo import run_processes
from tests.system import builders, builders_of_texts
from tests.training import train_as_ddp

REFUSED = {"autotcl", "mclrec", "meow"}
BUILDERS = {**builders.BUILDERS, **builders_of_texts.BUILDERS}
EXACT = [name for name in BUILDERS if name not in REFUSED]


def with_group_norm(network: nn.Module) -> None:
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.modules.batchnorm._BatchNorm):
                setattr(parent, name, nn.GroupNorm(1, child.num_features).to(child.weight))


def in_parts(module, callback):
    step = module.training_step

    def taken(batch, number):
        callback.on_train_batch_start(None, module, batch, number)
        try:
            return step(batch, number)
        finally:
            callback.on_exception(None, module, None)

    module.training_step = taken


def build_with(name: str, size: int | None):
    def train(module, batches):
        for encoder in encoders_of(module):
            with_group_norm(encoder.network)
        assert encoders_of(module)
        module.optimizer = replace(module.optimizer, name="sgd", momentum=0.9)
        if size is not None:
            in_parts(module, Microbatch(size))
        return train_as_ddp(module, batches)

    with pytest.MonkeyPatch.context() as patch:
        for place in (builders, builders_of_texts):
            patch.setattr(place, "train_as_ddp", train)
        return BUILDERS[name]()


def assert_equal(found: list[builders.Found], expected: list[builders.Found]) -> None:
    """Compares first losses and gradients to 1e-12, and what follows from them to 1e-10.

    Gradients that are zero by algebra have the rounding of the largest one.
    """
    for case, (parts, whole) in enumerate(zip(found, expected, strict=True)):
        assert parts.keys() == whole.keys()
        largest = max(float(value.abs().amax()) for key, value in whole.items() if ".grad." in key)
        for name, value in whole.items():
            limit = 1e-12 if name.startswith(("loss0", "0.grad")) else 1e-10
            own = float(value.double().abs().amax()) if value.numel() else 0
            scale = max(largest if ".grad." in name else own, 1)
            message = f"case {case}: {name}"
            torch.testing.assert_close(
                parts[name], value, rtol=0, atol=limit * scale, msg=message, check_dtype=False
            )


FAST = ("methods", "simcse")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in FAST else pytest.mark.slow) for name in EXACT]
)
def test_parts_equal_the_whole_batch(name: str) -> None:
    assert_equal(build_with(name, 3), build_with(name, None))


@pytest.mark.slow
@pytest.mark.distributed
@pytest.mark.parametrize("name", ["methods", "simcse", "supremix", "swav"])
def test_parts_in_two_processes_equal_the_whole_batch_in_one(name: str) -> None:
    expected = build_with(name, None)
    for found in run_processes(build_with, name, 3):
        for parts, whole in zip(found, expected, strict=True):
            for key, value in whole.items():
                torch.testing.assert_close(parts[key], value, rtol=0, atol=1e-9, msg=key)
