"""The contrastive gap's loss and the rotation of its control."""

import pytest
import torch

from common.losses.precision import unit
from papers.contrastive_gap.loss import Weights, gap_loss, turn_to_gap

GENERATOR = torch.Generator().manual_seed(2)
U = torch.randn(8, 5, generator=GENERATOR, dtype=torch.float64)
V = torch.randn(8, 5, generator=GENERATOR, dtype=torch.float64)
SCALE = torch.tensor(100.0, dtype=torch.float64).log()


def test_weights_count_each_term():
    loss = gap_loss(U, V, SCALE, Weights(0.3, 0.2, 2.0, 0.5, 4.0))
    terms = torch.stack(loss[1:])
    torch.testing.assert_close(loss.total, (torch.tensor([0.3, 0.2, 2.0, 0.5, 4.0]) * terms).sum())


def test_a_gap_that_the_contrast_does_not_see_costs_alignment():
    # Both sides of the pair keep their order of cosines, the texts are moved as a whole.
    u = torch.eye(6, dtype=torch.float64)
    moved = u - 0.4
    near, far = (gap_loss(u, v, SCALE, Weights()) for v in (u, moved))
    assert far.image_to_text < 1e-6 and near.image_to_text < 1e-6
    assert far.alignment > near.alignment + 0.1


def test_cross_uniformity_leaves_partners_out():
    one = torch.ones(4, 3)
    assert gap_loss(one, one, SCALE.float(), Weights()).cross_uniformity == pytest.approx(0)
    apart = gap_loss(U, U, SCALE, Weights())
    torch.testing.assert_close(apart.cross_uniformity, apart.uniformity)


@pytest.mark.parametrize("mirrored", [False, True])
def test_turned_texts_of_a_turned_copy_are_the_images(mirrored):
    images = unit(U)
    turn = torch.linalg.qr(V[:5])[0]
    turn[:, 0] *= torch.linalg.det(turn) * (-1 if mirrored else 1)
    texts = images @ turn
    w = turn_to_gap(images, texts, 0.0)
    torch.testing.assert_close(texts @ w.T, images)
    torch.testing.assert_close(w @ w.T, torch.eye(5, dtype=torch.float64))


def test_the_gap_that_is_left_is_the_share_that_is_asked_for():
    images, shift = unit(U), torch.tensor([3.0, 0, 0, 0, 0], dtype=torch.float64)
    texts = unit(images + shift)
    before = (images.mean(0) - texts.mean(0)).norm()
    left = []
    for share in (0.0, 0.5, 1.0):
        turned = texts @ turn_to_gap(images, texts, share).T
        left.append(float((images.mean(0) - turned.mean(0)).norm()))
    assert left[0] < left[1] < left[2] <= before + 1e-9


def test_directions_that_no_text_has_turn_as_little_as_they_can():
    images, texts = unit(U), unit(torch.cat([V[:, :3], torch.zeros_like(V[:, 3:])], 1))
    w = turn_to_gap(images, texts, 0.0, least=1e-7)
    torch.testing.assert_close(w @ w.T, torch.eye(5, dtype=torch.float64))
    moved = texts + 1e-12 * torch.randn(8, 5, generator=GENERATOR, dtype=torch.float64)
    torch.testing.assert_close(turn_to_gap(images, moved, 0.0, least=1e-7), w, atol=1e-9, rtol=0)
    # Those that a text has are turned as without the bound.
    torch.testing.assert_close(texts @ w.T, texts @ turn_to_gap(images, texts, 0.0).T)
    none = turn_to_gap(images, images, 0.0, least=0.999)
    torch.testing.assert_close(none, torch.eye(5, dtype=torch.float64))
