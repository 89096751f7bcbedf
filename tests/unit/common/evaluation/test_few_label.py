import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from common.distributed.draws import keyed_generator
from common.errors import ConfigError
from common.evaluation.few_label import _within_span, draw_rows, evaluate_few_label
from common.evaluation.image_config import FewLabelConfig
from common.evaluation.vectors import FeatureSet


def blobs(num=300):
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(num) % 4
    x = torch.randn(4, 6, generator=generator)[y] + torch.randn(num, 6, generator=generator)
    return FeatureSet(x, y, x.flip(0) + 0.1, y.flip(0))


def test_accuracy_rises_with_labels_and_repeats():
    inputs, settings = blobs(), FewLabelConfig()
    first = evaluate_few_label(inputs, settings, 0)
    assert list(first) == [f"{n}_top1@{k}" for k in (1, 5, 10) for n in ("nn", "linear")]
    assert first["linear_top1@1"] < first["linear_top1@10"]
    assert first["nn_top1@1"] < first["nn_top1@10"]
    again, other = (evaluate_few_label(inputs, settings, seed) for seed in (0, 1))
    assert first == again != other


def test_drawn_rows_are_balanced_and_a_small_class_is_named():
    labels = torch.tensor([0, 1, 0, 1, 0, 2])
    rows = draw_rows(labels[:5], 2, keyed_generator(0))
    assert labels[rows].tolist() == [0, 0, 1, 1]
    with pytest.raises(ConfigError, match="class 2 has 1 labelled samples, 2 were"):
        draw_rows(labels, 2, keyed_generator(0))


def test_logistic_in_the_span_of_few_rows_is_the_logistic_on_all_features():
    generator = torch.Generator().manual_seed(1)
    train, test = torch.randn(30, 90, generator=generator), torch.randn(50, 90, generator=generator)
    train_y, test_y = torch.arange(30) % 3, torch.arange(50) % 3
    train[:, 0] += 2 * train_y
    test[:, 0] += 2 * test_y
    whole = LogisticRegression(C=0.1, max_iter=200).fit(train.numpy(), train_y.numpy())
    few = _within_span(FeatureSet(train, train_y, test, test_y))
    small = LogisticRegression(C=0.1, max_iter=200).fit(few.train_x.numpy(), few.train_y.numpy())
    assert few.train_x.shape == (30, 30)
    expected = whole.predict_proba(test.numpy())
    assert np.abs(small.predict_proba(few.test_x.numpy()) - expected).max() < 1e-3
