"""Nearest neighbours by cosine similarity."""

import torch
import torch.nn.functional as F
from torch import Tensor

from common.evaluation.accuracy import percent_equal
from common.evaluation.image_config import KnnConfig
from common.evaluation.scores import keep, keep_rows
from common.evaluation.vectors import FeatureSet, HasFeatures

# Similarities held at a time; 2^24 floats are 64 MiB.
MAX_ELEMENTS = 2**24


def evaluate_knn(inputs: HasFeatures, settings: KnnConfig, seed: int) -> dict[str, float]:
    """Weighted k-NN accuracy in per cent, ``knn_top1`` (Wu et al. 2018, section 3.4).

    Args:
        inputs: Features and labels.
        settings: `KnnConfig`.
        seed: Not used: nothing is drawn.

    Raises:
        ConfigError: If there are fewer labelled features than ``k``.
    """
    features = inputs.features
    settings.check_count(len(features.train_x))
    features = features.standardised() if settings.standardise else features
    predicted = predict_knn(features, settings.k, settings.temperature)
    keep_rows("knn_top1", 100.0 * (predicted == features.test_y))
    return {"knn_top1": percent_equal(predicted, features.test_y)}


def predict_knn(features: FeatureSet, k: int, temperature: float) -> Tensor:
    """Returns (num_test,) the class with the largest sum of exp(cosine / temperature).

    Works in chunks of tested rows: memory does not grow with num_test * num_train.
    """
    train, test = F.normalize(features.train_x), F.normalize(features.test_x)
    num_classes = int(features.train_y.max()) + 1
    rows = max(MAX_ELEMENTS // len(train), 1)
    predicted = []
    for chunk in test.split(rows):
        similarity, index = (chunk @ train.T).topk(k)
        keep("knn neighbours", similarity)
        # The row's own maximum is taken off: small temperatures would overflow.
        weight = ((similarity - similarity[:, :1]) / temperature).exp()
        votes = weight.new_zeros(len(chunk), num_classes)
        votes.scatter_add_(1, features.train_y[index], weight)
        keep("knn votes", votes)
        predicted.append(votes.argmax(1))
    return torch.cat(predicted)
