import pytest
import torch
import torch.nn.functional as F

from common.losses import infonce
from common.losses.infonce import nt_xent, queue_info_nce

TEMPERATURE = 0.2


def make_views(dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randn(6, 5, generator=generator, dtype=dtype) for _ in range(2))


def by_the_sum(z1, z2, temperature, positive_in_denominator=True):
    """Eq. 1 anchor by anchor."""
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    terms = []
    for i in range(len(z)):
        j = (i + len(z1)) % len(z)
        others = [
            z[i] @ z[k] for k in range(len(z)) if k != i and (positive_in_denominator or k != j)
        ]
        denominator = torch.stack(others).div(temperature).exp().sum().log()
        terms.append(denominator - z[i] @ z[j] / temperature)
    return torch.stack(terms).mean()


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("chunk", [1, 5, 512])
def test_is_the_sum_of_the_paper(monkeypatch, positive, chunk):
    monkeypatch.setattr(infonce, "CHUNK_ROWS", chunk)
    ours = [view.requires_grad_() for view in make_views()]
    theirs = [view.requires_grad_() for view in make_views()]
    loss = nt_xent(*ours, TEMPERATURE, positive)
    expected = by_the_sum(*theirs, TEMPERATURE, positive)
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=0)
    loss.backward(), expected.backward()
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine.grad, other.grad, rtol=1e-10, atol=1e-14)


def test_a_small_temperature_stays_finite():
    assert torch.isfinite(nt_xent(*make_views(torch.float32), 1e-3))


def make_queue():
    generator = torch.Generator().manual_seed(1)
    return F.normalize(torch.randn(7, 5, generator=generator, dtype=torch.float64), dim=1)


@pytest.mark.parametrize("chunk", [1, 4, 512])
def test_queue_is_a_cross_entropy_with_the_key_first(monkeypatch, chunk):
    monkeypatch.setattr(infonce, "CHUNK_ROWS", chunk)
    (q, k), queue = make_views(), make_queue()
    ours, theirs = q.clone().requires_grad_(), q.clone().requires_grad_()
    loss = queue_info_nce(ours, k.requires_grad_(), queue, TEMPERATURE)
    anchors, keys = F.normalize(theirs, dim=1), F.normalize(k.detach(), dim=1)
    logits = torch.cat([(anchors * keys).sum(1)[:, None], anchors @ queue.T], 1) / TEMPERATURE
    expected = F.cross_entropy(logits, torch.zeros(6, dtype=torch.int64))
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=0)
    loss.backward(), expected.backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-10, atol=1e-14)
    assert k.grad is None


def test_the_queue_may_be_written_between_loss_and_gradient():
    (q, k), queue = make_views(), make_queue()
    gradients = []
    for overwritten in (False, True):
        leaf, copy = q.clone().requires_grad_(), queue.clone()
        loss = queue_info_nce(leaf, k, copy, TEMPERATURE)
        if overwritten:
            copy[:3] = 0
        loss.backward()
        gradients.append(leaf.grad)
    assert torch.equal(*gradients)
