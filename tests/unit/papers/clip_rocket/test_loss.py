"""CLIP-rocket's equations, beside the stored values: what is easily got wrong."""

import pytest
import torch

from common.losses.clip import clip_loss
from papers.clip_rocket.loss import (
    Sides,
    cl2l,
    mean_over_pairs,
    over_pairs,
    redundancy,
    siamlip,
)

SCALES = torch.tensor(2.0), torch.tensor(1.5)


def sides(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    drawn = (torch.randn(*shape, generator=generator, dtype=torch.float64) for _ in range(2))
    return Sides(*(each.requires_grad_() for each in drawn))


@pytest.mark.parametrize("views", [1, 2, 3])
def test_strong_pairs_weigh_as_much_as_there_are_views_and_alone_are_smoothed(views):
    z, h = sides(6, 4), sides(views, 6, 4, seed=1)
    found = cl2l(z, h, *SCALES, smoothing=0.3, reduction="avg")
    pairs = [clip_loss(u, v, SCALES[1], smoothing=0.3) for u in h.image for v in h.text]
    strong = torch.stack([pair.image_to_text for pair in pairs]).mean()
    weak = clip_loss(*z, SCALES[0]).image_to_text
    torch.testing.assert_close(found.image, (weak + views * strong) / (1 + views))
    torch.testing.assert_close(cl2l(z, h, *SCALES, 0.3, "sum").total, 2 * found.total)


def test_barlips_gradient_scale_leaves_the_value():
    found = []
    for scale in (1.0, 1 / 32):
        v = sides(8, 5)
        value = redundancy(*v, 0.2, 0.1, scale)
        value.backward()
        found.append((value.detach(), v.image.grad))
    torch.testing.assert_close(found[0][0], found[1][0])
    torch.testing.assert_close(found[0][1] / 32, found[1][1])


def test_the_weak_pair_counts_as_one_of_the_strong_ones():
    v = sides(3, 6, 4)
    weak, strong = over_pairs(lambda a, b: (a * b).mean(), *v)
    assert strong.shape == (2, 2)
    torch.testing.assert_close(strong[0, 1], (v.image[1] * v.text[2]).mean())
    torch.testing.assert_close(mean_over_pairs((weak, strong)), (weak + strong.sum()) / 5)


def test_no_gradient_reaches_the_targets_of_siamlip():
    p, v = sides(3, 6, 4), sides(3, 6, 4, seed=1)
    loss = siamlip(p, v)
    loss.backward()
    assert p.image.grad.any() and p.text.grad.any()
    assert v.image.grad is None and v.text.grad is None
    assert 0 < float(loss.detach()) < 4
