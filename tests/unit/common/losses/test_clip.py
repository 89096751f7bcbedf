import pytest
import torch
import torch.nn.functional as F

from common.losses import clip
from common.losses.clip import clip_loss

LOG_SCALE = torch.tensor(2.0, dtype=torch.float64)


def make(dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(n, 5, generator=generator, dtype=dtype) for n in (6, 6, 4)]


def by_pairs(u, v, log_scale, extra, smoothing):
    """Both directions, score by score."""
    u, texts = F.normalize(u, dim=1), F.normalize(torch.cat([v, extra]), dim=1)
    scores = log_scale.exp() * torch.stack([torch.stack([a @ b for b in texts]) for a in u])
    found = []
    for rows in (scores, scores[:, : len(v)].T):
        logs = rows - rows.exp().sum(1, keepdim=True).log()
        own, spread = logs.diagonal(), logs.mean(1)
        found.append(-((1 - smoothing) * own + smoothing * spread).mean())
    return found


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("chunk", [1, 4, 512])
def test_is_the_mean_cross_entropy_of_both_directions(monkeypatch, chunk, smoothing):
    monkeypatch.setattr(clip, "CHUNK_ROWS", chunk)
    ours = [x.requires_grad_() for x in (*make(), LOG_SCALE.clone())]
    theirs = [x.requires_grad_() for x in (*make(), LOG_SCALE.clone())]
    u, v, extra, scale = ours
    loss = clip_loss(u, v, scale, extra, smoothing, image_weight=0.3)
    to_text, to_image = by_pairs(*theirs[:2], theirs[3], theirs[2], smoothing)
    expected = 0.3 * to_text + 0.7 * to_image
    torch.testing.assert_close(loss.total, expected, rtol=1e-12, atol=0)
    torch.testing.assert_close(loss.image_to_text, to_text, rtol=1e-12, atol=0)
    loss.total.backward(), expected.backward()
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine.grad, other.grad, rtol=1e-10, atol=1e-14)


def test_extra_texts_are_no_rows_of_the_other_direction():
    u, v, extra = make()
    without, beside = clip_loss(u, v, LOG_SCALE), clip_loss(u, v, LOG_SCALE, extra)
    assert torch.equal(without.text_to_image, beside.text_to_image)
    assert beside.image_to_text > without.image_to_text
