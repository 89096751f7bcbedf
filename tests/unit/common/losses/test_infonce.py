import torch
import torch.nn.functional as F

from common.losses.infonce import nt_xent, queue_info_nce

TEMPERATURE = 0.2


def make_views(dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randn(6, 5, generator=generator, dtype=dtype) for _ in range(2))


def test_a_small_temperature_stays_finite():
    assert torch.isfinite(nt_xent(*make_views(torch.float32), 1e-3))


def make_queue():
    generator = torch.Generator().manual_seed(1)
    return F.normalize(torch.randn(7, 5, generator=generator, dtype=torch.float64), dim=1)


def test_the_queue_may_be_written_between_loss_and_gradient():
    (q, k), queue = make_views(), make_queue()
    k.requires_grad_()
    gradients = []
    for overwritten in (False, True):
        leaf, copy = q.clone().requires_grad_(), queue.clone()
        loss = queue_info_nce(leaf, k, copy, TEMPERATURE)
        if overwritten:
            copy[:3] = 0
        loss.backward()
        gradients.append(leaf.grad)
    assert torch.equal(*gradients) and k.grad is None
