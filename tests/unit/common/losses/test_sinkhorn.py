import pytest
import torch

from common.distributed.collectives import rank, world_size
from common.losses.sinkhorn import sinkhorn
from tests.gloo import run_processes


def make_scores(rows: int = 12, prototypes: int = 5, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.rand(rows, prototypes, generator=generator, dtype=torch.float64) - 1


def on_logarithms(scores: torch.Tensor, epsilon: float, iterations: int) -> torch.Tensor:
    """The same equations without any exponential that could vanish."""
    log_q = scores / epsilon
    for _ in range(iterations):
        log_q = log_q - log_q.logsumexp(0, keepdim=True)
        log_q = log_q - log_q.logsumexp(1, keepdim=True)
    return log_q.exp()


def test_converges_to_equal_mass():
    q = sinkhorn(make_scores(), 0.1, 500)
    torch.testing.assert_close(q.sum(1), torch.ones(12, dtype=torch.float64))
    torch.testing.assert_close(q.sum(0), torch.full((5,), 12 / 5, dtype=torch.float64))


@pytest.mark.parametrize("scores", [torch.ones(4, 1) * make_scores(1, 7).float(), make_scores(1)])
def test_identical_rows_or_one_row_give_the_uniform_code(scores):
    uniform = torch.full_like(scores, 1 / scores.shape[1])
    torch.testing.assert_close(sinkhorn(scores, 0.05, 3), uniform)


def test_a_dead_prototype_and_a_tiny_epsilon_stay_finite_in_float32():
    scores = make_scores().float()
    scores[:, 2] = -1000
    q = sinkhorn(scores, 0.003, 3)
    assert torch.isfinite(q).all()
    torch.testing.assert_close(q.sum(1), torch.ones(12))


@pytest.mark.parametrize("epsilon", [0.05, 0.01, 0.003])
@pytest.mark.parametrize("far", [0.0, -3.0, -1000.0])
def test_equals_the_iteration_on_logarithms_where_plain_exponentials_vanish(epsilon, far):
    scores = make_scores(200, 30)
    scores[17] += far  # a sample that no prototype is near to
    expected = on_logarithms(scores, epsilon, 3)
    got = sinkhorn(scores, epsilon, 3)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(sinkhorn(scores.float(), epsilon, 3).sum(1), torch.ones(200))


def test_half_precision_is_widened_and_nothing_carries_gradient():
    scores = make_scores().to(torch.bfloat16).requires_grad_()
    q = sinkhorn(scores, 0.05, 3)
    assert q.dtype == torch.float32 and not q.requires_grad
    assert sinkhorn(make_scores(), 0.05, 3).dtype == torch.float64


def own_rows() -> torch.Tensor:
    return sinkhorn(make_scores().chunk(world_size())[rank()], 0.05, 3)


@pytest.mark.distributed
@pytest.mark.parametrize("size", [2, 3])
def test_several_processes_share_the_mass_of_all_rows(size):
    got = torch.cat(run_processes(own_rows, size=size))
    torch.testing.assert_close(got, sinkhorn(make_scores(), 0.05, 3), rtol=1e-11, atol=1e-12)


def test_sinkhorn_works_in_place_on_its_own_tensor_only():
    scores = torch.randn(6, 4, dtype=torch.float64)
    before = scores.clone()
    sinkhorn(scores, 1.0, 3)  # an epsilon that changes nothing may not make it the caller's
    assert torch.equal(scores, before)
