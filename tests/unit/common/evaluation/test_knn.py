import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from common.errors import ConfigError
from common.evaluation import knn
from common.evaluation.accuracy import percent_equal
from common.evaluation.image_config import KnnConfig
from common.evaluation.vectors import FeatureSet


def blobs(num_train=300, num_test=120, dim=6):
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(4, dim, generator=generator)
    train_y, test_y = torch.arange(num_train) % 4, torch.arange(num_test) % 4
    train_x = centres[train_y] + 1.2 * torch.randn(num_train, dim, generator=generator)
    test_x = centres[test_y] + 1.2 * torch.randn(num_test, dim, generator=generator)
    return FeatureSet(train_x, train_y, test_x, test_y)


def test_equals_scikit_learn():
    inputs = blobs()
    model = KNeighborsClassifier(
        15, metric="cosine", algorithm="brute", weights=lambda d: np.exp((1 - d) / 0.2)
    )
    model.fit(inputs.train_x.numpy(), inputs.train_y.numpy())
    expected = model.predict(inputs.test_x.numpy())
    assert np.array_equal(knn.predict_knn(inputs, 15, 0.2).numpy(), expected)


def test_chunks_and_a_tiny_temperature(monkeypatch):
    inputs = blobs()
    whole = knn.predict_knn(inputs, 9, 0.1)
    monkeypatch.setattr(knn, "MAX_ELEMENTS", 7 * len(inputs.train_x))
    assert torch.equal(knn.predict_knn(inputs, 9, 0.1), whole)
    nearest = knn.predict_knn(inputs, 1, 1.0)
    assert torch.equal(knn.predict_knn(inputs, 9, 1e-4), nearest)


def test_too_few_references_are_refused():
    with pytest.raises(ConfigError, match=r"knn.k=20.*8"):
        knn.evaluate_knn(blobs(8), KnnConfig(), 0)


def test_standardising_leaves_a_constant_feature_at_zero():
    inputs = blobs()
    constant = inputs._replace(train_x=torch.full((300, 2), 0.3), test_x=torch.rand(120, 2))
    standardised = constant.standardised()
    assert not standardised.train_x.any() and not standardised.test_x.any()
    train_x = inputs.standardised().train_x
    torch.testing.assert_close(train_x.mean(0), torch.zeros(6), atol=1e-5, rtol=0)
    torch.testing.assert_close(train_x.std(0), torch.ones(6), atol=1e-2, rtol=0)


def test_percent_equal():
    assert percent_equal(torch.tensor([0, 1, 2, 2]), torch.tensor([0, 1, 2, 3])) == 75
