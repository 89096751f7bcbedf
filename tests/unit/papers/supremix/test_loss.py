"""The Gram-matrix loss: its limits, and how much it holds at a time."""

import torch
import torch.nn.functional as F

from papers.supremix import loss as loss_file
from papers.supremix.loss import per_anchor, supremix

VIEWS, DIM, TEMPERATURE = 2, 4, 0.3
LABELS = torch.tensor([3.0, 1.0, 4.0, 1.0, 5.5, 9.0, 2.0], dtype=torch.float64)


def make(seed=0, labels=LABELS, views=VIEWS, dim=DIM):
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(views, len(labels), dim, generator=generator, dtype=torch.float64)
    rows = views * len(labels)
    alpha = torch.rand(rows, rows, generator=generator, dtype=torch.float64)
    return F.normalize(z, dim=2).requires_grad_(), alpha


def test_a_chunk_holds_no_more_numbers_than_it_may(monkeypatch):
    labels = torch.arange(20.0, dtype=torch.float64)
    z, alpha = make(labels=labels)
    monkeypatch.setattr(loss_file, "CHUNK_NUMBERS", 1000)
    widest = []
    original = torch.Tensor.logsumexp
    monkeypatch.setattr(
        torch.Tensor, "logsumexp", lambda x, d: widest.append(x.numel()) or original(x, d)
    )
    supremix(z, labels, TEMPERATURE, 6.0, alpha, "linear")
    assert max(widest) <= 1000


def test_the_window_is_exclusive_and_needs_both_sides():
    labels = torch.tensor([0.0, 5.0, 10.0], dtype=torch.float64)
    z, _ = make(labels=labels)
    plain = per_anchor(z, labels, TEMPERATURE)
    torch.testing.assert_close(per_anchor(z, labels, TEMPERATURE, window=5.0), plain)
    wider = per_anchor(z, labels, TEMPERATURE, window=5.1)
    changed = (wider - plain).abs() > 1e-6
    assert changed.tolist() == [False, True, False] * VIEWS


def test_mix_pos_gives_the_anchors_label_and_mixtures_are_not_normalised():
    # The anchor at label 1 between 0 and 3 takes two thirds of the lower one.
    labels = torch.tensor([0.0, 1.0, 3.0], dtype=torch.float64)
    z, _ = make(labels=labels, views=1)
    low, anchor, high = z[0]
    mixed = anchor @ (2 / 3 * low + 1 / 3 * high) / TEMPERATURE
    scores = torch.stack([anchor @ low, anchor @ high]) / TEMPERATURE
    expected = torch.cat([scores, mixed[None]]).logsumexp(0) - mixed
    ours = per_anchor(z, labels, TEMPERATURE, window=9.0)
    torch.testing.assert_close(ours[1], expected)
    # The extremes have no positive at all in one view: they are left out of the mean.
    assert ours[0] == 0 and ours[2] == 0
    torch.testing.assert_close(supremix(z, labels, TEMPERATURE, window=9.0), expected)


def test_anchors_without_a_positive_are_left_out_of_the_mean():
    labels = torch.tensor([1.0, 1.0, 2.0, 8.0, 8.0], dtype=torch.float64)
    z, _ = make(labels=labels, views=1)
    losses = per_anchor(z, labels, TEMPERATURE)
    assert losses[2] == 0
    torch.testing.assert_close(supremix(z, labels, TEMPERATURE), losses.sum() / 4)
    lone = torch.tensor([1.0, 2.0], dtype=torch.float64)
    assert supremix(make(labels=lone, views=1)[0], lone, TEMPERATURE) == 0


def test_whole_numbers_are_labels_too():
    whole = torch.tensor([3, 1, 4, 1, 6, 9, 2])
    z, alpha = make(labels=whole)
    arguments = (TEMPERATURE, 4.0, alpha, "linear")
    ours, same = supremix(z, whole, *arguments), supremix(z, whole.double(), *arguments)
    assert ours == same  # shares in float32 would be 1e-8 away


def test_a_lone_anchor_has_no_loss_and_no_gradient():
    z, alpha = make(labels=LABELS[:1], views=1)
    ours = supremix(z, LABELS[:1], TEMPERATURE, 2.5, alpha, "linear")
    assert ours == 0 and not torch.autograd.grad(ours, z)[0].any()


def test_equal_labels_have_no_mixtures():
    labels = torch.full((4,), 2.0, dtype=torch.float64)
    z, alpha = make(labels=labels)
    ours = supremix(z, labels, TEMPERATURE, 5.0, alpha, "linear")
    torch.testing.assert_close(ours, supremix(z, labels, TEMPERATURE))
    assert torch.autograd.grad(ours, z)[0].isfinite().all()


def test_a_small_temperature_overflows_nothing_in_float32():
    z, alpha = make(dim=16)
    z, alpha = z.detach().float().requires_grad_(), alpha.float()
    ours = supremix(z, LABELS.float(), 0.005, 2.5, alpha, "quadratic")
    wide = supremix(z.double(), LABELS, 0.005, 2.5, alpha.double(), "quadratic")
    assert ours.dtype == torch.float32
    torch.testing.assert_close(ours.double(), wide, rtol=1e-5, atol=0)
    assert torch.autograd.grad(ours, z)[0].isfinite().all()
