"""Order of embeddings and labels, and fine-tuning."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from common.evaluation.regression_inputs import RegressionInputs
from papers.supremix.config import LabelOrderConfig, RegressionFinetuneConfig
from papers.supremix.label_order import evaluate_label_order, rank_correlation
from papers.supremix.regression_finetune import evaluate_regression_finetune
from tests.regression import Net, make_parts


def test_trees_have_neither():
    inputs = RegressionInputs(make_parts(), trees=True)
    assert evaluate_label_order(inputs, LabelOrderConfig(), 0) == {}
    assert evaluate_regression_finetune(inputs, RegressionFinetuneConfig(), 0) == {}


def test_order_is_spearmans_over_pairs_of_test_samples():
    x, y = (
        torch.rand(9, 3, dtype=torch.float64),
        torch.rand(9, dtype=torch.float64).round(decimals=1),
    )
    pairs = [(i, j) for i in range(9) for j in range(i)]
    far = [float((x[i] - x[j]).norm()) for i, j in pairs]
    apart = [float((y[i] - y[j]).abs()) for i, j in pairs]
    # Distances of labels tie: rounded to be compared as equal.
    expected = spearmanr(far, np.round(apart, 9)).statistic
    assert rank_correlation(x, y) == pytest.approx(expected, abs=0.02)
    line = torch.arange(9.0, dtype=torch.float64)
    assert rank_correlation(line[:, None] * torch.ones(1, 2), line) == pytest.approx(1)


def test_order_is_measured_on_features_and_on_the_head():
    parts = make_parts()
    found = evaluate_label_order(RegressionInputs(parts, Net()), LabelOrderConfig(), 0)
    assert set(found) == {"order", "order_head"} and found["order"] != found["order_head"]
    raw = evaluate_label_order(RegressionInputs(parts), LabelOrderConfig(), 0)
    assert set(raw) == {"order"}
    few = evaluate_label_order(RegressionInputs(parts), LabelOrderConfig(max_samples=20), 0)
    assert few["order"] != raw["order"]


def test_fine_tuning_trains_a_copy_and_leaves_the_module_alone():
    parts, net = make_parts(), Net()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    state = torch.random.get_rng_state()
    settings = RegressionFinetuneConfig(epochs=30, batch_size=16, lr=0.01)
    found = evaluate_regression_finetune(RegressionInputs(parts, net), settings, 0)
    assert found["finetune_r2"] > 0.8
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert torch.equal(state, torch.random.get_rng_state())
    again = evaluate_regression_finetune(RegressionInputs(parts, net), settings, 0)
    assert again == found
