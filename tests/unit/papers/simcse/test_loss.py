"""SimCSE's loss: one direction, cosines, the weight of hard negatives, several processes."""

import math

import pytest
import torch

from common.losses.infonce import nt_xent
from papers.simcse.loss import contrast, cosines, global_contrast, logits, no_negatives
from tests.gloo import run_processes

GENERATOR = torch.Generator().manual_seed(5)
Z = torch.randn(3, 6, 4, generator=GENERATOR, dtype=torch.float64)


def test_equal_embeddings_cost_the_logarithm_of_the_batch():
    z = torch.ones(6, 4)
    assert contrast(z, z[None], 0.05).item() == pytest.approx(math.log(6))


def test_it_is_one_direction_and_not_nt_xent():
    forth, back = contrast(Z[0], Z[1:2], 0.05), contrast(Z[1], Z[:1], 0.05)
    assert not torch.isclose(forth, back)
    assert contrast(Z[0], Z[1:2], 0.05) < nt_xent(Z[0], Z[1], 0.05)


def test_norms_do_not_matter_and_a_zero_vector_has_the_cosine_0():
    torch.testing.assert_close(cosines(7 * Z[0], 3 * Z[1]), cosines(Z[0], Z[1]))
    assert cosines(torch.zeros(1, 4), torch.ones(2, 4)).tolist() == [[0.0, 0.0]]


def test_a_hard_negatives_weight_counts_it_as_often_as_its_exponential():
    scores, weighted = logits(Z[0], Z[1:], 1.0), logits(Z[0], Z[1:], 1.0, math.log(3))
    own = torch.zeros(6, 12, dtype=torch.bool)
    own[range(6), range(6, 12)] = True
    torch.testing.assert_close(weighted[~own], scores[~own])
    torch.testing.assert_close(weighted[own].exp(), 3 * scores[own].exp())


def test_without_negatives_only_the_partner_counts():
    moved = Z.clone()
    moved[1, 1:] = Z[1, 1:].flip(0)
    assert no_negatives(Z[:1].repeat(2, 1, 1)).item() == pytest.approx(0)
    assert no_negatives(moved) != no_negatives(Z)


def gradients(reading):
    """Returns loss and gradient of this process's rows, as averaging would scale them."""
    from common.distributed.collectives import all_reduce_sum, rank, world_size

    own = Z.chunk(world_size(), dim=1)[rank()].clone().requires_grad_()
    loss = global_contrast(own, 0.05, 0.5, reading)
    gradient = torch.autograd.grad(loss, own)[0] / world_size()
    return all_reduce_sum(loss) / world_size(), gradient


@pytest.mark.distributed
@pytest.mark.parametrize(("reading", "share"), [("exact", 1.0), ("published", 0.5)])
def test_on_two_processes_a_gradient_is_the_true_one_or_half_of_it(reading, share):
    whole, gradient = gradients(reading)
    found = run_processes(gradients, reading)
    for loss, _ in found:
        torch.testing.assert_close(loss, whole, rtol=0, atol=1e-9)
    both = torch.cat([part for _, part in found], dim=1)
    torch.testing.assert_close(both, share * gradient, rtol=0, atol=1e-9)
