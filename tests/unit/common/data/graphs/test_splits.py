import numpy as np
import pytest

from common.data.graphs.splits import check_parts, draw_splits
from common.errors import DataError


def test_splits_hold_every_class_and_do_not_overlap():
    labels = np.repeat([0, 1, -1], [30, 20, 10])
    split = draw_splits(labels, (5,), 10, 100, 0, "g")[5]
    assert np.bincount(labels[split.train]).tolist() == [5, 5]
    everything = np.concatenate(split)
    assert len(np.unique(everything)) == len(everything) == 50


@pytest.mark.parametrize("count", [4, 5, 6])
def test_class_with_too_few_labels_for_all_three_parts_is_named(count):
    labels = np.repeat([0, 1], [30, count])
    message = f"labels.csv: class 1 has {count} labelled nodes.*7"
    with pytest.raises(DataError, match=message):
        draw_splits(labels, (5,), 5, 5, 0, "labels.csv")


def test_too_few_labels_for_validation_name_the_file_and_the_mend():
    message = r"labels.csv: 4 labelled nodes are left beside 5 a class .* lower data.labels_per_c"
    with pytest.raises(DataError, match=message):
        draw_splits(np.repeat([0, 1], 7), (5,), 5, 5, 0, "labels.csv")


@pytest.mark.parametrize("seed", range(5))
def test_a_rare_class_is_in_every_part(seed):
    labels = np.repeat([0, 1, 2, -1], [500, 7, 300, 50])
    split = draw_splits(labels, (5,), 20, 30, seed, "g")[5]
    assert [len(part) for part in split] == [15, 20, 30]
    assert all(np.unique(labels[part]).tolist() == [0, 1, 2] for part in split)
    assert len(np.unique(np.concatenate(split))) == 65


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([[0, 1], [2, 3], [4, 5, 3]], r"g\.test.*3"),
        ([[0, 1, 6], [2, 3], [4, 5]], r"g\.train.*6"),
        ([[0, 1], [2], [4, 5]], r"g\.val"),
    ],
)
def test_parts_that_are_no_split_are_called_as_the_caller_does(parts, message):
    named = dict(zip(("train", "val", "test"), map(np.array, parts), strict=True))
    with pytest.raises(DataError, match=message):
        check_parts(named, np.array([0, 1] * 3), ["comedy", "drama"], "g.")
