import math
from importlib import import_module

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from common.distributed.collectives import rank, world_size
from common.losses.supcon import class_contrast, supcon
from tests.gloo import run_processes

# The function of the same name stands before it in the package.
supcon_file = import_module("common.losses.supcon")

TEMPERATURE = 0.2
LABELS = torch.tensor([0, 1, 0, 2, 1, 3])
PARTNERS = torch.tensor([1, 0, 2, 3, 7, 0])


def make_z(views=2, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(views, 6, 5, generator=generator, dtype=torch.float64)
    return F.normalize(z, dim=2).to(dtype)


def by_the_sum(z, labels, temperature, partners=None):
    """Eq. 2 anchor by anchor and positive by positive."""
    partners = labels if partners is None else partners
    rows = [(view, sample) for view in range(len(z)) for sample in range(len(labels))]
    terms = []
    for anchor in rows:
        others = [row for row in rows if row != anchor]
        positives = [row for row in others if labels[row[1]] == partners[anchor[1]]]
        if not positives:
            continue
        denominator = sum((z[anchor] @ z[other] / temperature).exp() for other in others)
        logs = [((z[anchor] @ z[p] / temperature).exp() / denominator).log() for p in positives]
        terms.append(-sum(logs) / len(positives))
    return sum(terms) / len(terms)


@pytest.mark.parametrize("partners", [None, PARTNERS])
@pytest.mark.parametrize("views", [1, 2, 3])
@pytest.mark.parametrize("chunk", [1, 5, 512])
def test_is_the_sum_of_the_paper(monkeypatch, views, partners, chunk):
    monkeypatch.setattr(supcon_file, "CHUNK_ROWS", chunk)
    ours, theirs = (make_z(views).requires_grad_() for _ in range(2))
    loss = supcon(ours, LABELS, TEMPERATURE, partners)
    expected = by_the_sum(theirs, LABELS, TEMPERATURE, partners)
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=0)
    loss.backward(), expected.backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-10, atol=1e-14)


def test_labels_of_their_own_leave_the_other_view():
    # With one positive it is NT-Xent over both views.
    z = make_z()
    flat = z.flatten(0, 1)
    scores = (flat @ flat.T / TEMPERATURE).fill_diagonal_(-torch.inf)
    partner = torch.cat([torch.arange(6, 12), torch.arange(6)])
    torch.testing.assert_close(
        supcon(z, torch.arange(6), TEMPERATURE), F.cross_entropy(scores, partner)
    )


def test_labels_may_be_real_numbers():
    real = torch.tensor([0.5, 1.25, 0.5, 80.0, 1.25, -3.0])
    assert torch.equal(supcon(make_z(), real, TEMPERATURE), supcon(make_z(), LABELS, TEMPERATURE))


@pytest.mark.parametrize("rows", [1, 6])
def test_nobody_has_a_positive(rows):
    z = make_z(1)[:, :rows].clone().requires_grad_()
    loss = supcon(z, torch.arange(rows), TEMPERATURE)
    loss.backward()
    assert loss == 0 and not z.grad.any()


def test_keys_of_another_view_take_all_columns():
    z1, z2 = make_z()
    total, counted = class_contrast(z1, z2, LABELS, LABELS, TEMPERATURE)
    log_p = (z1 @ z2.T / TEMPERATURE).log_softmax(1)
    same = (LABELS[:, None] == LABELS).double()
    expected = -(log_p * same).sum(1) / same.sum(1)
    torch.testing.assert_close(total, expected.sum())
    assert counted == 6


def test_a_small_temperature_stays_finite():
    assert torch.isfinite(supcon(make_z(dtype=torch.float32), LABELS, 1e-3))


def test_all_alike_is_the_logarithm_of_the_others():
    z = F.normalize(torch.ones(2, 6, 5, dtype=torch.float64), dim=2)
    loss = supcon(z, LABELS, TEMPERATURE)
    np.testing.assert_allclose(loss.item(), math.log(11))


def loss_of_this_process(partners=None):
    def share(whole):
        return whole.chunk(world_size(), -1)[rank()]

    own = make_z().chunk(world_size(), 1)[rank()].clone().requires_grad_()
    chosen = None if partners is None else share(partners)
    loss = supcon(own, share(LABELS), TEMPERATURE, chosen)
    loss.backward()
    return loss.detach(), own.grad


@pytest.mark.distributed
@pytest.mark.parametrize("partners", [None, PARTNERS])
def test_two_processes_equal_one(partners):
    # In PARTNERS only one process has an anchor without a positive.
    results = run_processes(loss_of_this_process, partners)
    loss, gradient = loss_of_this_process(partners)
    torch.testing.assert_close(sum(r[0] for r in results) / 2, loss, rtol=1e-12, atol=0)
    averaged = torch.cat([result[1] for result in results], 1) / 2
    torch.testing.assert_close(averaged, gradient, rtol=1e-10, atol=1e-14)
