import torch

from common.losses.clip import clip_loss


def test_extra_texts_are_no_rows_of_the_other_direction():
    generator, scale = torch.Generator().manual_seed(0), torch.tensor(2.0, dtype=torch.float64)
    u, v, extra = torch.randn(16, 5, generator=generator, dtype=torch.float64).split([6, 6, 4])
    without, beside = clip_loss(u, v, scale), clip_loss(u, v, scale, extra)
    assert torch.equal(without.text_to_image, beside.text_to_image)
    assert beside.image_to_text > without.image_to_text
