import numpy as np
import pytest

from common.data.sequences.store import (
    held_out_instances,
    pack,
    popularity,
    prefix_instances,
)

USERS = [[5, 1, 2, 3, 4], [1, 2, 3], [2, 4, 6, 1]]


@pytest.fixture
def sequences():
    return pack("own", USERS, ["a", "b", "c"])


def listed(instances, max_length):
    items, lengths, targets = instances.gather(np.arange(len(instances)), max_length)
    rows = zip(items.tolist(), lengths, targets, strict=True)
    return [(row[:length], int(target)) for row, length, target in rows]


def test_training_sees_all_prefixes_but_not_the_last_two_items(sequences):
    expected = [([5], 1), ([5, 1], 2), ([2], 4)]
    assert listed(prefix_instances(sequences), 4) == expected


def test_the_test_input_holds_the_item_that_validation_predicts(sequences):
    test = [([5, 1, 2, 3], 4), ([1, 2], 3), ([2, 4, 6], 1)]
    assert listed(held_out_instances(sequences, "test"), 9) == test
    val = [([5, 1, 2], 3), ([1], 2), ([2, 4], 6)]
    assert listed(held_out_instances(sequences, "val"), 9) == val


def test_the_latest_items_are_kept_and_padding_is_on_the_right(sequences):
    items, lengths, _ = held_out_instances(sequences, "test").gather(np.arange(3), 3)
    assert items.tolist() == [[1, 2, 3], [1, 2, 0], [2, 4, 6]]
    assert lengths.tolist() == [3, 2, 3]


def test_popularity_counts_the_training_part_only(sequences):
    assert popularity(sequences).tolist() == [0, 2, 2, 0, 1, 1, 0]


def test_the_fingerprint_follows_the_content(sequences):
    same = pack("other name", USERS, ["a", "b", "c"])
    changed = pack("own", [*USERS[:2], [2, 4, 1, 6]], ["a", "b", "c"])
    assert sequences.fingerprint() == same.fingerprint() != changed.fingerprint()
    regrouped = pack("own", [USERS[0][:4], [4, *USERS[1]], USERS[2]], ["a", "b", "c"])
    assert sequences.items.tolist() == regrouped.items.tolist()
    assert sequences.fingerprint() != regrouped.fingerprint()
