import pytest
import torch

from papers.pixpro.loss import (
    agreement_of_images,
    contrast_per_cell,
    pixel_consistency,
    pixel_contrast,
    positive_mask,
    unit,
)

LEFT = [0.0, 0.0, 0.4, 1.0]
WHOLE = [0.0, 0.0, 1.0, 1.0]


def make_maps(batch=2, size=(3, 4), channels=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (batch, channels, *size)
    q, k = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))
    return unit(q), unit(k)


def make_mask(batch=2, cells=12, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, cells, cells, generator=generator) < 0.2


def place(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def cosines(q, k):
    """Returns <q_a, k_b> by loops' indices: ``(batch, cells, cells)``."""
    return torch.einsum("nca,ncb->nab", q.flatten(2), k.flatten(2))


def test_over_pairs_every_pair_counts_alike_at_half_the_scale():
    (q, k), mask = make_maps(), make_mask()
    mask[0, :, 3:] = False
    expected = -cosines(q, k)[mask].mean()
    torch.testing.assert_close(pixel_consistency(q, k, mask, "pairs"), expected)
    assert not torch.isclose(2 * expected, pixel_consistency(q, k, mask), rtol=1e-3)


def test_a_image_whose_crops_do_not_meet_counts_as_zero():
    (q, k), mask = make_maps(), make_mask()
    alone = pixel_consistency(q[:1], k[:1], mask[:1])
    mask[1] = False
    torch.testing.assert_close(pixel_consistency(q, k, mask), alone / 2)


@pytest.mark.parametrize(
    ("of_pixels", "setting"),
    [(pixel_consistency, "images"), (pixel_consistency, "pairs"), (pixel_contrast, 0.3)],
)
def test_without_any_pair_the_loss_is_zero_and_has_a_gradient_of_zero(of_pixels, setting):
    q, k = make_maps()
    q.requires_grad_()
    loss = of_pixels(q, k, torch.zeros(2, 12, 12, dtype=torch.bool), setting)
    loss.backward()
    assert loss == 0 and torch.equal(q.grad, torch.zeros_like(q))


def test_equal_maps_of_one_crop_reach_the_least_loss():
    q, _ = make_maps()
    mask = positive_mask(q, q, place(WHOLE, LEFT), place(WHOLE, LEFT), 0.2)
    assert torch.equal(mask, torch.eye(12, dtype=torch.bool).expand(2, 12, 12))
    assert float(pixel_consistency(q, q, mask)) == pytest.approx(-2, abs=1e-6)
    assert float(pixel_consistency(q, q, mask, "pairs")) == pytest.approx(-1)


def test_maps_that_do_not_belong_together_are_refused():
    q, k = make_maps()
    for other, places in ((k[:1], place(LEFT, LEFT)), (k[:, :2], place(LEFT, LEFT))):
        with pytest.raises(ValueError, match="do not belong together"):
            positive_mask(q, other, places, places, 0.7)
    with pytest.raises(ValueError, match="with 1 crops"):
        positive_mask(q, k, place(LEFT), place(LEFT, LEFT), 0.7)


def test_contrast_leaves_out_cells_and_images_without_positives():
    (q, k), mask = make_maps(), make_mask()
    mask[0, 5:] = False
    alone = pixel_contrast(q[:1], k[:1], mask[:1], 0.3)
    cells = mask[0].any(1)
    torch.testing.assert_close(alone, contrast_per_cell(q, k, mask, 0.3)[0][cells].mean())
    mask[1] = False
    torch.testing.assert_close(pixel_contrast(q, k, mask, 0.3), alone)


def test_contrast_does_not_overflow_at_a_small_temperature():
    q, k = make_maps()
    assert torch.isfinite(pixel_contrast(q.float(), k.float(), make_mask(), 1e-3))


def test_images_agree_up_to_minus_two():
    q, k = torch.randn(2, 4, 6, generator=torch.Generator().manual_seed(0)).unbind(0)
    assert float(agreement_of_images(q, 3 * q)) == pytest.approx(-2)
    expected = -2 * torch.cosine_similarity(q, k).mean()
    torch.testing.assert_close(agreement_of_images(q, k), expected)
