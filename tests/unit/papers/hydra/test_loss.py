"""The equations against themselves written out pair by pair, and their limits."""

import math
from importlib import import_module

import pytest
import torch
import torch.nn.functional as F

from papers.hydra import loss as loss_file
from papers.hydra.loss import (
    activation,
    gate_entropy,
    gated_similarity,
    instance_contrast,
    momentum_total,
    pair_contrast,
    pair_terms,
    positives_and_negatives,
    unit,
)

# The function of the same name stands before it in the package.
supcon_file = import_module("common.losses.supcon")

LABELS = torch.tensor([0, 1, 0, 2, 1, 3])
# Class 4 is in no batch: the fourth anchor has no positive.
PARTNERS = torch.tensor([1, 0, 0, 4, 3, 0])
KEY_LABELS = torch.tensor([0, 1, 0, 2, 1, 3, 2, 2])
SCALE, ALPHA = 7.0, 0.3


def draw(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)


def inputs(dtype=torch.float64):
    q, keys, gate = draw(6, 5, dtype=dtype), draw(8, 5, seed=1, dtype=dtype), draw(6, 5, seed=2)
    return q, keys, gate.sigmoid().to(dtype)


def by_the_equation(q, keys, gate, form, reduction, scale=SCALE, alpha=0.0):
    """Section by section of the dossier's text, one number at a time."""
    total, counted, per_anchor = 0.0, 0, []
    for i in range(len(q)):
        logits = []
        for j in range(len(keys)):
            if form == "A":
                s = F.cosine_similarity(q[i] * gate[i], keys[j] * gate[i], dim=0)
            else:
                s = (F.normalize(q[i], dim=0) * gate[i] ** 2 * F.normalize(keys[j], dim=0)).sum()
            logits.append(scale * (s - alpha * F.cosine_similarity(q[i], keys[j], dim=0)))
        mine, partner = int(LABELS[i]), int(PARTNERS[i])
        noise = sum(
            logits[j].exp() for j in range(len(keys)) if int(KEY_LABELS[j]) not in (mine, partner)
        )
        terms = [
            (logits[j].exp() + noise).log() - logits[j]
            for j in range(len(keys))
            if int(KEY_LABELS[j]) == partner
        ]
        total, counted = total + sum(terms), counted + len(terms)
        per_anchor.append(sum(terms) / (len(terms) + 1e-6) + 0 * q.sum())
    return total / counted if reduction == "micro" else torch.stack(per_anchor).mean()


@pytest.mark.parametrize("chunk", [1, 4, 512])
@pytest.mark.parametrize("reduction", ["micro", "macro"])
@pytest.mark.parametrize(("form", "alpha"), [("A", 0.0), ("A", ALPHA), ("B", 0.0), ("B", ALPHA)])
def test_value_and_gradients_are_those_of_the_equation(monkeypatch, form, alpha, reduction, chunk):
    monkeypatch.setattr(loss_file, "CHUNK_ROWS", chunk)
    ours, theirs = ([x.requires_grad_() for x in inputs()] for _ in range(2))
    mine = pair_contrast(
        *ours, LABELS, PARTNERS, KEY_LABELS, SCALE, form, reduction, whole_space=alpha
    )
    expected = by_the_equation(*theirs, form, reduction, alpha=alpha)
    torch.testing.assert_close(mine, expected, rtol=1e-12, atol=0)
    mine.backward(), expected.backward()
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-9, atol=1e-13)


def test_scale_and_whole_space_may_be_learned():
    q, keys, gate = inputs()

    def loss(log_scale, alpha):
        chosen = q, keys, gate, LABELS, PARTNERS, KEY_LABELS, log_scale.exp()
        return pair_contrast(*chosen, whole_space=alpha)

    numbers = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (1.5, 0.2)]
    assert torch.autograd.gradcheck(loss, numbers)


def test_form_a_does_not_see_a_common_factor_of_a_gate_and_form_b_does():
    q, keys, gate = inputs()
    factor = torch.linspace(0.1, 5, 6, dtype=torch.float64)[:, None]
    for form, same in (("A", True), ("B", False)):
        both = gate, factor * gate
        first, second = (gated_similarity(unit(q), unit(keys), g, form) for g in both)
        assert torch.allclose(first, second, rtol=1e-12) == same


def test_form_a_has_no_gradient_along_the_gate_itself():
    q, keys, gate = inputs()
    gate.requires_grad_()
    pair_contrast(q, keys, gate, LABELS, PARTNERS, KEY_LABELS, SCALE).backward()
    along = (gate.grad * gate).sum(1)
    torch.testing.assert_close(along, torch.zeros_like(along), rtol=0, atol=1e-13)
    assert gate.grad.abs().max() > 1e-3


def test_a_gate_of_zeros_and_ones_selects_coordinates():
    q, keys, _ = inputs()
    gate = torch.tensor([1.0, 0, 1, 0, 1], dtype=torch.float64).repeat(6, 1)
    chosen = gate[0].bool()
    expected = unit(q[:, chosen]) @ unit(keys[:, chosen]).T
    torch.testing.assert_close(gated_similarity(unit(q), unit(keys), gate, "A"), expected)


def test_nearly_closed_gates_keep_their_direction_and_closed_ones_are_finite():
    q, keys, gate = (x.float() for x in inputs())
    faint = gated_similarity(unit(q), unit(keys), gate * 1e-25, "A")
    torch.testing.assert_close(faint, gated_similarity(unit(q), unit(keys), gate, "A"))
    closed = torch.zeros_like(gate, requires_grad=True)
    value = pair_contrast(q, keys, closed, LABELS, PARTNERS, KEY_LABELS, SCALE)
    value.backward()
    assert torch.isfinite(value) and torch.isfinite(closed.grad).all()


def test_positives_are_drawn_near_third_classes_pushed_off_and_the_own_class_left_alone():
    logits = draw(6, 8).requires_grad_()
    positive, negative = positives_and_negatives(LABELS, PARTNERS, KEY_LABELS)
    (slope,) = torch.autograd.grad(pair_terms(logits, positive, negative).sum(), logits)
    has_positive = positive.any(1, keepdim=True)
    assert (slope[positive] < 0).all()
    assert (slope[negative & has_positive] > 0).all()
    assert not slope[~(positive | negative)].any() and not slope[~has_positive[:, 0]].any()


def test_open_gate_and_labels_of_their_own_are_infonce():
    q, keys = draw(6, 5), draw(6, 5, seed=1)
    own = torch.arange(6)
    expected = F.cross_entropy(SCALE * unit(q) @ unit(keys).T, own)
    for form in ("A", "B"):
        value = pair_contrast(q, keys, None, own, own, own, SCALE, form)
        torch.testing.assert_close(value, expected)
    torch.testing.assert_close(instance_contrast(q, keys, 1 / SCALE), expected)


@pytest.mark.parametrize("reduction", ["micro", "macro"])
def test_no_positive_and_no_negative_give_zero_and_no_gradient(reduction):
    q, keys, gate = (x.requires_grad_() for x in inputs())
    nobody = torch.full((6,), 9)
    two = KEY_LABELS % 2
    for labels, partners, key_labels in [
        (LABELS, nobody, KEY_LABELS),  # a class that no key has
        (LABELS * 0, LABELS * 0, KEY_LABELS * 0),  # one class only
        (LABELS % 2, 1 - LABELS % 2, two),  # two classes, distinct pairs: nothing to tell from
    ]:
        value = pair_contrast(q, keys, gate, labels, partners, key_labels, SCALE, "A", reduction)
        gradients = torch.autograd.grad(value, [q, keys, gate])
        assert value == 0
        assert not any(gradient.any() for gradient in gradients)


def test_an_anchor_without_a_positive_counts_in_macro_alone():
    q, keys, gate = inputs()
    has = torch.tensor([0, 1, 2, 4, 5])
    chosen = q[has], keys, gate[has], LABELS[has], PARTNERS[has], KEY_LABELS, SCALE
    everyone = q, keys, gate, LABELS, PARTNERS, KEY_LABELS, SCALE
    torch.testing.assert_close(pair_contrast(*everyone), pair_contrast(*chosen))
    whole, part = (pair_contrast(*x, reduction="macro") for x in (everyone, chosen))
    torch.testing.assert_close(whole, part * 5 / 6)


def test_memory_grows_with_rows_at_a_time_not_with_anchors_keys_and_dimensions(monkeypatch):
    for file in (loss_file, supcon_file):
        monkeypatch.setattr(file, "CHUNK_ROWS", 8)
    sizes = []

    class Sizes(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            result = function(*args, **(kwargs or {}))
            parts = result if isinstance(result, tuple | list) else [result]
            sizes.extend(part.numel() for part in parts if isinstance(part, torch.Tensor))
            return result

    batch, dim = 64, 32
    q, keys = draw(batch, dim).requires_grad_(), draw(batch, dim, seed=1).requires_grad_()
    gate = draw(batch, dim, seed=2).sigmoid().requires_grad_()
    labels = torch.arange(batch) % 7
    with Sizes():
        pair_contrast(q, keys, gate, labels, labels.flip(0), labels, SCALE).backward()
    assert max(sizes) == batch * dim < batch * batch


def test_entropy_is_zero_for_decided_gates_and_ln_two_for_undecided_ones():
    decided = torch.tensor([[0.0, 1.0]], dtype=torch.float64, requires_grad=True)
    assert gate_entropy(decided) < 1e-13
    gate_entropy(decided).backward()
    assert torch.isfinite(decided.grad).all()
    half = torch.full((2, 3), 0.5, dtype=torch.float64)
    torch.testing.assert_close(gate_entropy(half).item(), math.log(2))
    gate = draw(4, 3).sigmoid().requires_grad_()
    assert torch.autograd.gradcheck(gate_entropy, (gate,))


def test_activation_counts_open_dimensions():
    gate = torch.tensor([[1.0, 0.5, 0.0], [1.0, 1.0, 1.0]])
    assert activation(gate) == 2.25


def test_the_total_of_momentum_hydra_is_a_weighted_mean():
    one, three = torch.tensor(1.0), torch.tensor(3.0)
    assert momentum_total(one, three, 0.0) == 1
    assert momentum_total(one, three, 1.0) == 2
    assert abs(momentum_total(one, three, 1e9) - 3) < 1e-6
