"""DSE's poolers, head, loss, optimizer, joined pairs and metrics."""

import numpy as np
import pytest
import torch

from common.data.text.config import Special
from papers.dse.bert_adam import BertAdam, multiplier
from papers.dse.config import POOLERS
from papers.dse.head import PairHead, pair_features, pool_top
from papers.dse.loss import dse_loss
from papers.dse.pair_task import task_metrics
from papers.dse.teacher import join_pairs

GENERATOR = torch.Generator().manual_seed(5)
LAYERS = torch.randn(3, 2, 5, 4, generator=GENERATOR)
MASK = torch.tensor([[True] * 5, [True, True, True, False, False]])
SPECIAL = Special(pad=0, unknown=3, first=1, last=2, mask=3)


@pytest.mark.parametrize("name", POOLERS)
def test_padding_is_not_pooled_and_the_first_token_only_where_asked(name):
    layers = [layer.clone() for layer in LAYERS]
    found = pool_top(name, layers, MASK, 2)
    for layer in layers:
        layer[~MASK] = 100.0
    torch.testing.assert_close(pool_top(name, layers, MASK, 2), found)
    for layer in layers:
        layer[:, 0] = 100.0
    unchanged = torch.equal(pool_top(name, layers, MASK, 2), found)
    assert unchanged != name.endswith("_with_cls")
    assert found.shape == (2, 8 if name.startswith("concat") else 4)


def test_the_hidden_states_are_left_as_they_are():
    layers = [layer.clone() for layer in LAYERS]
    pool_top("concat_top_max", layers, MASK, 2)
    assert torch.equal(torch.stack(layers), LAYERS)


def test_the_lowest_layer_stands_first_and_too_few_are_refused():
    joined = pool_top("concat_top_mean", list(LAYERS), MASK, 2)
    torch.testing.assert_close(joined[:, 4:], pool_top("mean_top_mean", LAYERS[2:], MASK, 1))
    with pytest.raises(ValueError, match="num_top"):
        pool_top("concat_top_mean", list(LAYERS), MASK, 4)


def test_features_of_equal_vectors_have_no_distance_and_no_gradient_of_it():
    u = torch.ones(2, 3, requires_grad=True)
    features = pair_features("concat", u, u.detach())
    assert features.shape == (2, 12) and not features[:, 9:].any()
    features[:, 9:].sum().backward()
    assert not u.grad.any()


def test_a_dot_product_without_layers_is_the_logit():
    u, v = torch.randn(2, 6, 3, generator=GENERATOR)
    torch.testing.assert_close(PairHead(3, "dot", [])(u, v)[:, 0], (u * v).sum(1))
    assert PairHead(3, "dot", [5, 2])(u, v).shape == (6, 2)


def test_without_weight_the_teacher_does_not_count():
    logits, labels = torch.randn(6, 3, generator=GENERATOR), torch.arange(6) % 3
    with_one = dse_loss("multi-class", logits, labels, torch.ones(6, 3), 0.0)
    assert with_one == dse_loss("multi-class", logits, labels, None, 0.0)


def test_each_tensor_is_clipped_by_itself_and_what_has_no_gradient_stays():
    weights = [torch.zeros(2, requires_grad=True) for _ in range(3)]
    weights[0].grad, weights[1].grad = torch.tensor([3000.0, 4000.0]), torch.tensor([0.1, 0.0])
    optimizer = BertAdam(weights, lr=1.0, weight_decay=0.0)
    optimizer.step()
    torch.testing.assert_close(optimizer.state[weights[0]]["mean"], torch.tensor([0.06, 0.08]))
    torch.testing.assert_close(optimizer.state[weights[1]]["mean"], torch.tensor([0.01, 0.0]))
    assert not weights[2].any() and weights[2] not in optimizer.state


@pytest.mark.parametrize(("total", "last"), [(200, 0.5 / 0.9), (100, 0.0)])
def test_the_rate_ends_where_the_reading_of_the_total_says(total, last):
    rates = [multiplier(update, total, 0.1) for update in range(101)]
    assert rates[0] == 0 and max(rates) == pytest.approx(1)
    assert rates.index(max(rates)) == total // 10
    assert rates[100] == pytest.approx(last)


@pytest.mark.parametrize("longest", [8, 11, 12, 40])
def test_the_longer_text_of_a_joined_pair_is_cut_or_the_second_one(longest):
    lengths = [(a, b) for a in range(7) for b in range(7)]
    width = 9
    ids = torch.zeros(len(lengths), 2, width, dtype=torch.int64)
    mask = torch.zeros(ids.shape, dtype=torch.bool)
    wanted = []
    for row, pair in enumerate(lengths):
        texts = [[10 + 10 * side + place for place in range(n)] for side, n in enumerate(pair)]
        for side, text in enumerate(texts):
            ids[row, side, : len(text) + 2] = torch.tensor([1, *text, 2])
            mask[row, side, : len(text) + 2] = True
        a, b = texts
        while len(a) + len(b) > longest - 3:
            (a if len(a) > len(b) else b).pop()
        wanted.append(([1, *a, 2, *b, 2], [0] * (len(a) + 2) + [1] * (len(b) + 1)))
    joined, inside, types = join_pairs(ids, mask, SPECIAL, longest)
    for row, (tokens, kinds) in enumerate(wanted):
        assert joined[row][inside[row]].tolist() == tokens
        assert types[row][inside[row]].tolist() == kinds
        assert not joined[row][~inside[row]].any() and not types[row][~inside[row]].any()


def test_the_best_f1_of_the_thresholds_counts_and_nothing_told_is_0():
    logits, labels = np.array([[-3.0], [-0.5], [1.0], [2.0]]), np.array([0.0, 1.0, 1.0, 1.0])
    found = task_metrics("binary", logits, labels, labels, [0.5, 0.3])
    assert found["f1"] == pytest.approx(100, abs=1e-3) and found["accuracy"] == 100
    none = task_metrics("binary", logits - 9, labels, labels, [0.5])
    assert (none["f1"], none["precision"], none["recall"]) == (0, 0, 0)


def test_classes_have_an_accuracy_and_scores_have_correlations():
    logits = np.eye(3)[[0, 1, 2, 2]]
    told = task_metrics("multi-class", logits, np.array([0.0, 1, 2, 1]), np.zeros(4), [0.5])
    assert told == {"accuracy": 75}
    scores = np.array([0.0, 2, 3, 9])
    graded = task_metrics("regression", scores[:, None] ** 3, scores, scores, [0.5])
    assert graded["spearman"] == pytest.approx(100)
    assert graded["pearson"] < 99
