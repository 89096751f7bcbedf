"""Mixtures of hard keys against loops, and what the dossier's traps name."""

import pytest
import torch

from common.losses.infonce import queue_info_nce
from common.losses.precision import unit
from papers.mochi import loss as losses
from papers.mochi.loss import Draws, draw, hardest_keys, mix, mixed_contrast, mixed_logits

N, S, S2, T = 5, 6, 4, 0.2


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).double()


Q, K, QUEUE = drawn(6, 4), unit(drawn(6, 4, seed=1)), unit(drawn(20, 4, seed=2))
DRAWS = draw(6, N, S, S2, torch.Generator().manual_seed(3))


def test_each_query_mixes_its_own_hardest_keys():
    q = unit(Q)
    rank = hardest_keys(q @ QUEUE.T, N)
    of_keys, of_query = mix(q, QUEUE, rank, DRAWS)
    for row in range(6):
        nearest = QUEUE[(QUEUE @ q[row]).argsort(descending=True)[:N]]
        a, b = DRAWS.share[row, 2], DRAWS.query_share[row, 3]
        keys = a * nearest[DRAWS.first[row, 2]] + (1 - a) * nearest[DRAWS.second[row, 2]]
        query = b * q[row] + (1 - b) * nearest[DRAWS.with_query[row, 3]]
        torch.testing.assert_close(of_keys[row, 2], keys / keys.norm())
        torch.testing.assert_close(of_query[row, 3], query / query.norm())


def test_the_query_has_less_than_half_of_its_mixtures_and_makes_them_harder_than_their_key():
    many = draw(200, N, S, S2, torch.Generator().manual_seed(0))
    assert float(many.query_share.max()) < 0.5 < float(many.share.max())
    assert many.first.unique().tolist() == list(range(N))
    q = unit(Q)
    rank = hardest_keys(q @ QUEUE.T, N)
    _, of_query = mix(q, QUEUE, rank, DRAWS)
    keys = QUEUE[rank.gather(1, DRAWS.with_query)]
    assert bool(((of_query * q[:, None]).sum(2) > (keys * q[:, None]).sum(2)).all())


def test_mixtures_are_constants_so_that_the_gradient_is_that_of_stored_negatives():
    q = Q.clone().requires_grad_()
    loss = mixed_contrast(q, K, QUEUE, N, DRAWS, T)
    (found,) = torch.autograd.grad(loss, q)
    fixed = torch.cat(mix(unit(Q), QUEUE, hardest_keys(unit(Q) @ QUEUE.T, N), DRAWS), 1)
    again = Q.clone().requires_grad_()
    z = unit(again)
    logits = torch.cat([(z * K).sum(1)[:, None], z @ QUEUE.T, (z[:, None] * fixed).sum(2)], 1) / T
    expected = (logits.logsumexp(1) - logits[:, 0]).mean()
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(found, torch.autograd.grad(expected, again)[0])


def test_without_mixtures_it_is_mocos_loss():
    none = draw(6, N, 0, 0, torch.Generator())
    found = mixed_contrast(Q, K, QUEUE, N, none, T)
    torch.testing.assert_close(found, queue_info_nce(Q, K, QUEUE, T))


def test_an_excluded_key_is_neither_a_negative_nor_mixed():
    excluded = torch.zeros(6, 20, dtype=torch.bool)
    excluded[:, 7] = True
    without = QUEUE[torch.arange(20) != 7]
    found = mixed_contrast(Q, K, QUEUE, N, DRAWS, T, excluded)
    torch.testing.assert_close(found, mixed_contrast(Q, K, without, N, DRAWS, T))


@pytest.mark.parametrize("rows", [2, 4])
def test_chunks_do_not_change_the_loss(monkeypatch, rows):
    whole = mixed_contrast(Q, K, QUEUE, N, DRAWS, T)
    monkeypatch.setattr(losses, "CHUNK_ROWS", rows)
    torch.testing.assert_close(mixed_contrast(Q, K, QUEUE, N, DRAWS, T), whole)


def test_two_equal_places_copy_a_key():
    places = torch.zeros(6, 1, dtype=torch.int64)
    half = torch.full((6, 1), 0.3, dtype=torch.float64)
    draws = Draws(places, places, half, places[:, :0], half[:, :0])
    logits = mixed_logits(unit(Q), K, QUEUE, N, draws, T)
    torch.testing.assert_close(logits[:, -1], logits[:, 1:21].amax(1))
