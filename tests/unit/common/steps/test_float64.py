"""Float64 within the block, nothing of it after, and inputs moved by as little as is asked."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from common.steps.float64 import in_double, moved


class Batch(NamedTuple):
    inputs: Tensor
    targets: Tensor
    rows: Tensor


def test_float_is_float64_only_within() -> None:
    with pytest.raises(ZeroDivisionError), in_double():
        assert torch.zeros(1).dtype == torch.arange(2).float().dtype == torch.float64
        raise ZeroDivisionError
    assert torch.zeros(1).dtype == torch.arange(2).float().dtype == torch.float32


def test_inputs_move_a_little_and_labels_not_at_all() -> None:
    x = torch.rand(50, dtype=torch.float64)
    dense = torch.eye(3, dtype=torch.float64)
    batch = [Batch(x, x, torch.arange(3)), {"graph": dense.to_sparse_csr()}]
    new, graph = moved(batch, 1e-12)
    gap = (new.inputs - x).abs() / x
    assert 0 < float(gap.max()) <= 1.001e-12
    assert bool((new.targets == x).all()) and bool((new.rows == torch.arange(3)).all())
    assert bool((graph["graph"].values() != 1).any())
