import copy

import pytest
import torch
from torch import nn

from common.distributed.device import HostCopy


class Reads:
    """Reads a number and counts how often."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, tensor: torch.Tensor) -> int:
        self.count += 1
        return int(tensor.sum())


@pytest.fixture
def reads() -> Reads:
    return Reads()


def test_a_value_is_read_once(reads):
    mirror, tensor = HostCopy(reads), torch.tensor(5)
    assert [mirror.get(tensor) for _ in range(3)] == [5, 5, 5]
    assert reads.count == 1


@pytest.mark.parametrize(
    "write",
    [
        lambda t: t.add_(1),
        lambda t: t[0].fill_(3),
        lambda t: next(iter(t)).zero_(),
        lambda t: t.copy_(torch.arange(4)),
    ],
)
def test_any_write_is_noticed(reads, write):
    mirror, tensor = HostCopy(reads), torch.full((4,), 2)
    mirror.get(tensor)
    with torch.no_grad():
        write(tensor)
    assert mirror.get(tensor) == int(tensor.sum()) != 8


def test_what_is_noted_after_a_write_of_ones_own_is_not_read(reads):
    mirror, tensor = HostCopy(reads), torch.tensor(5)
    tensor += 1
    mirror.set(tensor, 6)
    assert mirror.get(tensor) == 6
    assert reads.count == 0
    tensor += 1
    assert mirror.get(tensor) == 7


def test_a_loaded_state_and_a_copy_are_read_anew(reads):
    mirror, module = HostCopy(reads), nn.Module()
    module.register_buffer("seen", torch.tensor(5))
    mirror.set(module.seen, 5)
    twin = copy.deepcopy(module)
    twin.seen.fill_(9)  # as many writes as the original's
    module.load_state_dict({"seen": torch.tensor(2)})
    assert (mirror.get(module.seen), mirror.get(twin.seen)) == (2, 9)


def test_tensors_are_told_apart_by_identity_and_forgotten(reads):
    mirror, first, second = HostCopy(reads), torch.tensor(1), torch.tensor(1)
    mirror.set(first, 10)
    assert mirror.get(second) == 1
    del first
    assert len(mirror._known) == 1
