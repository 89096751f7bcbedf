"""Mixtures of hard keys: what the stored values do not show."""

import torch

from common.losses.precision import unit
from papers.mochi.loss import Draws, draw, hardest_keys, mix, mixed_logits

N, S, S2, T = 5, 6, 4, 0.2


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).double()


Q, K, QUEUE = drawn(6, 4), unit(drawn(6, 4, seed=1)), unit(drawn(20, 4, seed=2))
DRAWS = draw(6, N, S, S2, torch.Generator().manual_seed(3))


def test_the_query_has_less_than_half_of_its_mixtures_and_makes_them_harder_than_their_key():
    many = draw(200, N, S, S2, torch.Generator().manual_seed(0))
    assert float(many.query_share.max()) < 0.5 < float(many.share.max())
    assert many.first.unique().tolist() == list(range(N))
    q = unit(Q)
    rank = hardest_keys(q @ QUEUE.T, N)
    _, of_query = mix(q, QUEUE, rank, DRAWS)
    keys = QUEUE[rank.gather(1, DRAWS.with_query)]
    assert bool(((of_query * q[:, None]).sum(2) > (keys * q[:, None]).sum(2)).all())


def test_two_equal_places_copy_a_key():
    places = torch.zeros(6, 1, dtype=torch.int64)
    half = torch.full((6, 1), 0.3, dtype=torch.float64)
    draws = Draws(places, places, half, places[:, :0], half[:, :0])
    logits = mixed_logits(unit(Q), K, QUEUE, N, draws, T)
    torch.testing.assert_close(logits[:, -1], logits[:, 1:21].amax(1))
