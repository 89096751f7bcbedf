"""Whitening of shuffled groups: identities, gradients, layouts, several processes."""

import pytest
import torch

from common.distributed.collectives import all_reduce_sum, rank, world_size
from papers.whitenedcse.whitening import InverseRoot, group_whitening, whiten_views
from tests.gloo import run_processes

GENERATOR = torch.Generator().manual_seed(4)
ROWS, DIM, GROUPS = 24, 12, 3
MIX = torch.randn(DIM, DIM, generator=GENERATOR, dtype=torch.float64)
X = torch.randn(ROWS, DIM, generator=GENERATOR, dtype=torch.float64) @ MIX + 3
ORDER = torch.randperm(DIM, generator=GENERATOR)


def covariances(y, order):
    groups = y[:, order].unflatten(1, (GROUPS, -1))
    return torch.einsum("ngi,ngj->gij", groups, groups) / len(y)


@pytest.mark.parametrize("kind", ["zca", "zca-through", "cholesky"])
@pytest.mark.parametrize(("dtype", "error"), [(torch.float64, 1e-10), (torch.float32, 1e-4)])
def test_within_a_group_the_covariance_is_the_identity(kind, dtype, error):
    y = group_whitening(X.to(dtype), ORDER, GROUPS, kind)
    identity = torch.eye(DIM // GROUPS, dtype=dtype).expand(GROUPS, -1, -1)
    torch.testing.assert_close(covariances(y, ORDER), identity, rtol=0, atol=error)
    torch.testing.assert_close(y.mean(0), torch.zeros(DIM, dtype=dtype), rtol=0, atol=error)


def test_columns_keep_their_places():
    # Groups of one channel only scale: each column is its own, whatever the permutation.
    alone = group_whitening(X, ORDER, DIM)
    scaled = (X - X.mean(0)) / X.std(0, unbiased=False)
    torch.testing.assert_close(alone, scaled)


def test_one_group_does_not_see_the_permutation_and_several_do():
    plain = torch.arange(DIM)
    whole = group_whitening(X, plain, 1)
    torch.testing.assert_close(group_whitening(X, ORDER, 1), whole)
    assert not torch.allclose(group_whitening(X, ORDER, GROUPS), group_whitening(X, plain, GROUPS))


def test_the_gradient_of_the_root_is_right_and_finite_for_equal_eigenvalues():
    c = torch.stack([MIX[:3] @ MIX[:3].T, 2 * torch.eye(3, dtype=torch.float64)]).requires_grad_()
    assert torch.autograd.gradcheck(lambda c: InverseRoot.apply((c + c.mT) / 2), c)


def test_a_constant_matrix_passes_no_gradient_and_the_other_kinds_do():
    gradients = []
    for kind in ("zca", "zca-through"):
        x = X.clone().requires_grad_()
        y = group_whitening(x, ORDER, GROUPS, kind)
        # Of the trace of the covariance, which no x can move, a constant W sees a change.
        gradients.append(torch.autograd.grad(y.square().sum(), x)[0])
    assert gradients[0].abs().max() > 1e-3 > 1e-9 > gradients[1].abs().max()


def test_too_few_rows_need_eps():
    few = X[:3]
    y = group_whitening(few, ORDER, GROUPS, eps=1e-3)
    assert y.isfinite().all()
    assert not group_whitening(few, ORDER, GROUPS, "zca").isfinite().all() or (
        group_whitening(few, ORDER, GROUPS).abs().max() > 100 * y.abs().max()
    )


def test_a_layout_says_which_rows_belong_together():
    orders = [torch.randperm(DIM, generator=GENERATOR) for _ in range(3)]
    view = whiten_views(X, orders, "view", groups=GROUPS)
    code = whiten_views(X, orders, "code", groups=GROUPS)
    torch.testing.assert_close(view[1::3], group_whitening(X[1::3], orders[1], GROUPS))
    torch.testing.assert_close(code[8:16], group_whitening(X[8:16], orders[1], GROUPS))


def whitened(kind):
    """Returns this process's rows, and their gradient as averaging would scale it."""
    own = X.chunk(world_size())[rank()].clone().requires_grad_()
    y = group_whitening(own, ORDER, GROUPS, kind, sync=True)
    gradient = torch.autograd.grad(y.sin().sum(), own)[0]
    return y.detach(), gradient, all_reduce_sum(torch.ones(()))


@pytest.mark.distributed
@pytest.mark.parametrize("kind", ["zca", "zca-through", "cholesky"])
def test_two_processes_whiten_over_the_rows_of_both(kind):
    y, gradient, _ = whitened(kind)
    found = run_processes(whitened, kind)
    for whole, place in ((y, 0), (gradient, 1)):
        both = torch.cat([part[place] for part in found])
        torch.testing.assert_close(both, whole, rtol=0, atol=1e-9)
