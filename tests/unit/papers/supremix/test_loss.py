"""The Gram-matrix loss against the equation written out, mixture by mixture."""

import math

import pytest
import torch
import torch.nn.functional as F

from papers.supremix import loss as loss_file
from papers.supremix.loss import WEIGHTS, pair_similarities, per_anchor, supremix

VIEWS, BATCH, DIM, TEMPERATURE = 2, 7, 4, 0.3
LABELS = torch.tensor([3.0, 1.0, 4.0, 1.0, 5.5, 9.0, 2.0], dtype=torch.float64)
WEIGHT_OF = {
    None: lambda d: 1.0,
    "linear": lambda d: abs(d) + 1,
    "quadratic": lambda d: d * d + 1,
    "inverse-linear": lambda d: 1 / (abs(d) + 1),
    "inverse-quadratic": lambda d: 1 / (d * d + 1),
}


def make(seed=0, labels=LABELS, views=VIEWS, dim=DIM):
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(views, len(labels), dim, generator=generator, dtype=torch.float64)
    rows = views * len(labels)
    alpha = torch.rand(rows, rows, generator=generator, dtype=torch.float64)
    return F.normalize(z, dim=2).requires_grad_(), alpha


def naive(z, labels, temperature, window=None, alpha=None, weights=None):
    """Returns the loss of each anchor, None without a positive; every mixture is a vector."""
    flat, y = z.flatten(0, 1), labels.repeat(len(z)).tolist()
    fixed, weight = flat.detach(), WEIGHT_OF[weights]
    losses = []
    for i, anchor in enumerate(flat):
        positives, total = [], 0.0
        for j, other in enumerate(flat):
            if j == i:
                continue
            score = anchor @ other / temperature
            total = total + weight(y[i] - y[j]) * score.exp()
            positives += [score] if y[j] == y[i] else []
            if alpha is not None and y[j] != y[i]:
                a = float(alpha[i, j])
                mixture, label = a * fixed[i] + (1 - a) * fixed[j], a * y[i] + (1 - a) * y[j]
                score = anchor @ mixture / temperature
                total = total + weight(y[i] - label) * score.exp()
        for j in range(len(flat)) if window is not None else []:
            for k in range(len(flat)):
                if y[j] < y[i] < y[k] and y[i] - y[j] < window and y[k] - y[i] < window:
                    a = (y[k] - y[i]) / (y[k] - y[j])
                    score = anchor @ (a * fixed[j] + (1 - a) * fixed[k]) / temperature
                    total = total + score.exp()
                    positives.append(score)
        found = total.log() - sum(positives) / len(positives) if positives else None
        losses.append(found)
    return losses


SWITCHES = [(w, n, p) for w in [*WEIGHTS, None] for n in (False, True) for p in (None, 2.5, 100.0)]


@pytest.mark.parametrize(("weights", "negatives", "window"), SWITCHES)
def test_value_and_gradient_are_those_of_the_equation(weights, negatives, window):
    z, alpha = make()
    options = {"window": window, "alpha": alpha if negatives else None, "weights": weights}
    expected = torch.stack(naive(z, LABELS, TEMPERATURE, **options))
    torch.testing.assert_close(per_anchor(z, LABELS, TEMPERATURE, **options), expected)
    ours = supremix(z, LABELS, TEMPERATURE, **options)
    torch.testing.assert_close(ours, expected.mean())
    gradients = [torch.autograd.grad(value, z)[0] for value in (ours, expected.mean())]
    torch.testing.assert_close(*gradients)


def test_chunks_change_nothing(monkeypatch):
    z, alpha = make()
    whole = supremix(z, LABELS, TEMPERATURE, 2.5, alpha, "linear")
    gradient = torch.autograd.grad(whole, z)[0]
    monkeypatch.setattr(loss_file, "CHUNK_NUMBERS", 150)
    calls = []
    original = loss_file.anchor_losses
    monkeypatch.setattr(
        loss_file, "anchor_losses", lambda *given: calls.append(1) or original(*given)
    )
    parts = supremix(z, LABELS, TEMPERATURE, 2.5, alpha, "linear")
    assert len(calls) > 2
    torch.testing.assert_close(parts, whole)
    torch.testing.assert_close(torch.autograd.grad(parts, z)[0], gradient)


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


def test_without_mixtures_and_weights_it_is_supcon():
    z, _ = make()
    flat, y = z.flatten(0, 1), LABELS.repeat(VIEWS)
    scores = (flat @ flat.T / TEMPERATURE).masked_fill(torch.eye(len(flat)).bool(), -math.inf)
    log_p = scores.log_softmax(1)
    same = (y[:, None] == y) & ~torch.eye(len(flat)).bool()
    supcon = -(torch.where(same, log_p, 0).sum(1) / same.sum(1)).mean()
    torch.testing.assert_close(supremix(z, LABELS, TEMPERATURE), supcon)


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
    losses = naive(z, labels, TEMPERATURE)
    assert losses[2] is None
    kept = torch.stack([value for value in losses if value is not None])
    torch.testing.assert_close(supremix(z, labels, TEMPERATURE), kept.mean())
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


def test_pair_similarities_are_means_over_anchors():
    z, _ = make()
    flat, y = z.detach().flatten(0, 1), LABELS.repeat(VIEWS)
    near, far = [], []
    for i in range(len(flat)):
        scores = flat[i] @ flat.T / TEMPERATURE
        likeness = (scores - scores.max()).exp()
        same = y == y[i]
        far.append(torch.cat([likeness[~same], likeness[i : i + 1]]).mean())
        same[i] = False
        near.append(likeness[same].mean())
    expected = torch.stack(near).mean(), torch.stack(far).mean()
    torch.testing.assert_close(pair_similarities(z, LABELS, TEMPERATURE), expected)
