"""Metrics on known and novel classes, in the cases where wrong readings give other numbers."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from common.evaluation.clustering import matched_accuracy
from common.evaluation.open_world_inputs import OpenWorldInputs
from papers.owdfa_cpl.clusters import (
    count_known,
    evaluate_feature_clusters,
    evaluate_heads,
    open_world_metrics,
)
from papers.owdfa_cpl.config import FeatureClustersConfig


def arrays(*rows):
    return [np.array(row) for row in rows]


def test_known_classes_are_not_matched():
    truth, guess = arrays([0, 0, 1, 1], [1, 1, 0, 0])
    found = open_world_metrics(truth, guess, num_known=2)
    assert found["known_acc"] == 0 and found["all_acc"] == 1
    assert found["known_nmi"] == pytest.approx(1)


def test_novel_classes_are_matched_anew_and_to_any_head():
    truth, guess = arrays([0, 0, 0, 1, 1], [0, 0, 0, 0, 0])
    found = open_world_metrics(truth, guess, num_known=1)
    assert found["novel_acc"] == 1, "head 0 is free among novel rows"
    assert found["all_acc"] == pytest.approx(3 / 5), "but not among all"


def test_all_accuracy_is_no_mean_of_the_others():
    truth, guess = arrays([0, 0, 1, 1, 2, 2], [0, 0, 0, 1, 1, 1])
    found = open_world_metrics(truth, guess, num_known=1)
    shares = (truth < 1).mean(), (truth >= 1).mean()
    mean = shares[0] * found["known_acc"] + shares[1] * found["novel_acc"]
    assert found["all_acc"] != pytest.approx(mean)


def test_matching_takes_the_best_of_all_assignments():
    truth, guess = arrays([0, 0, 0, 1, 1], [0, 0, 1, 0, 0])
    # Greedy would give head 0 to class 0 and nothing to class 1.
    assert matched_accuracy(truth, guess) == pytest.approx(3 / 5)


def test_heads_may_be_more_than_classes_and_numbered_anyhow():
    truth, guess = arrays([0, 0, 1, 1], [90, 90, 7, 3])
    assert matched_accuracy(truth, guess) == pytest.approx(3 / 4)


def test_a_part_without_rows_is_not_a_number():
    found = open_world_metrics(*arrays([0, 1], [0, 1]), num_known=2)
    assert np.isnan(found["novel_acc"]) and found["known_acc"] == 1


def test_known_classes_are_counted_by_the_largest_label():
    truth, tags = arrays([0, 4, 2, 7], [1, 1, 2, 2])
    assert count_known(truth, tags == 1) == 5


class Threes(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.eye(3))

    def embed(self, x):
        return x.flatten(1) @ self.weight

    def predict(self, x):
        assert not self.training
        return 50 * self.embed(x)


def make_inputs(module):
    labels = torch.arange(30) % 3
    images = torch.eye(3)[labels].view(30, 3, 1, 1)
    part = SimpleNamespace(labels=labels, images=images)
    return OpenWorldInputs(part.images, part.labels, 2, lambda x: x, module)


def test_heads_are_measured_in_per_cent():
    module = Threes().train()
    found = evaluate_heads(make_inputs(module), None, 0)
    assert found["known_acc"] == found["novel_acc"] == found["all_acc"] == 100
    assert found["heads_used"] == 3 and found["uncertainty"] == pytest.approx(0, abs=1e-4)
    assert module.training


def test_pixels_have_no_heads_but_can_be_clustered():
    inputs = make_inputs(None)
    assert evaluate_heads(inputs, None, 0) == {}
    found = evaluate_feature_clusters(inputs, FeatureClustersConfig(), 0)
    assert found == {"kmeans_acc": 100, "kmeans_nmi": 100, "kmeans_ari": 100}
