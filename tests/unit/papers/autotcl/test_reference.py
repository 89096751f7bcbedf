"""The losses that no training uses, and values that the stored files do not demand."""

import json
from pathlib import Path

import pytest
import torch

from common.results.parity import Case, compare_case
from papers.autotcl.reference import loss_of, solve_losses

STORED = Path(__file__).parents[3] / "reference/autotcl/losses.json"


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_losses_that_are_stored_but_not_demanded_are_ours_too(dtype):
    case = Case(STORED, dtype)
    extra = [name for name, of in case.description["arrays"].items() if of.pop("informative", 0)]
    assert len(extra) == 15
    case.description["outputs"] = [*case.description["outputs"], *extra]
    row = compare_case(case, solve_losses)
    assert row.ok, row


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 32, 3), (3, 17, 1), (2, 7, 9)])
def test_every_loss_takes_any_shape(shape):
    """A batch of one has no others: its estimate of them is no number, the rest are."""
    constants = json.loads(STORED.read_text())["constants"]
    generator = torch.Generator().manual_seed(0)
    for name in [*constants, "cos_sim_diag", "mmd_linear", "instance_contrast"]:
        z = [torch.randn(shape, generator=generator, requires_grad=True) for _ in range(2)]
        loss = loss_of(name, constants.get(name, {}))(*z)
        if name == "l1out_lower" and shape[0] == 1:
            assert loss == -torch.inf
            continue
        slopes = torch.autograd.grad(loss, z, materialize_grads=True)
        assert loss.isfinite() and all(slope.isfinite().all() for slope in slopes), name


def test_an_unknown_loss_is_named_and_hides_no_other():
    case = Case(STORED)
    case.description["outputs"].append("unheard_of")
    found = solve_losses(case)
    assert len(found) == len(case.outputs) - 1
    assert compare_case(case, solve_losses).array == "unheard_of"
