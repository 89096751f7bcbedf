"""What learns nothing is as good as a training where most metrics are not ahead beyond chance."""

import pytest

from common.results.gains import no_gain

ACCURACIES = {"test/knn_top1": 0.5, "test/linear_top1": 0.6}


@pytest.fixture
def told(make_record):
    def told(metrics, batches=100, **references):
        record = make_record(metrics=metrics, references=references, batches=batches)
        return list(no_gain(record))

    return told


@pytest.mark.parametrize(
    ("trained", "untrained", "lost"),
    [
        (ACCURACIES, {"test/knn_top1": 0.4}, None),
        (ACCURACIES, {"test/knn_top1": 0.5}, 1),
        (ACCURACIES, {"test/knn_top1": 0.49}, 1),  # a thousand rows say no more
        (ACCURACIES, {"test/knn_top1": 0.5, "test/linear_top1": 0.4}, None),
        ({"test/knn_top1": 50.0}, {"test/knn_top1": 49.0}, 1),
        ({"test/mse@24": 0.02, "test/clean_mse@24": 0.1}, {"test/mse@24": 0.16}, None),
        ({"test/mse@24": 0.16}, {"test/mse@24": 0.02}, 1),
        ({"test/spearman": 0.30}, {"test/spearman": 0.25}, 1),
        ({"test/knn_top1": 100.0}, {"test/knn_top1": 100.0}, None),  # no training can be ahead
        ({"test/knn_top1": 99.9}, {"test/knn_top1": 99.95}, None),
        ({"test/knn_top1": 89.0}, {"test/knn_top1": 100.0}, 1),
        ({"test/mse@24": 0.0}, {"test/mse@24": 0.0}, None),
        ({**ACCURACIES, "test/purity": 1.0}, {**ACCURACIES, "test/purity": 1.0}, 2),
        ({"test/linear_train_top1": 0.1}, {"test/linear_train_top1": 0.9}, None),
        ({"test/pairs_f1": 0.1}, {"test/pairs_f1": 0.9}, None),
    ],
)
def test_a_training_that_the_untrained_encoder_equals_is_told(trained, untrained, lost, told):
    found = told(trained, untrained=untrained)
    assert [one.lost for one in found] == ([] if lost is None else [lost])
    assert not told(trained, batches=0, untrained=untrained)


def test_the_best_is_the_metric_that_is_furthest_ahead(told):
    (one,) = told(ACCURACIES, raw={"test/knn_top1": 0.6, "test/linear_top1": 0.61})
    assert (one.reference, one.lost, one.compared, one.best) == ("raw", 2, 2, "test/linear_top1")


def test_what_is_fitted_to_labels_does_not_count(told):
    assert not told(ACCURACIES, trees={"test/knn_top1": 0.9, "test/linear_top1": 0.9})
