import pytest
import torch

from common.data.targets.regression.samples import (
    TEST,
    TRAIN,
    VAL,
    RegressionSet,
    check_samples,
    choose_split,
    fingerprint_samples,
    measure_scale,
    random_splits,
    split_by_masks,
    thin,
)
from common.errors import ConfigError, DataError
from common.evaluation.regression_inputs import Samples


def make_set(num=40, splits=3, columns=()):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(num, 2, generator=generator, dtype=torch.float64)
    return RegressionSet(x, torch.arange(num).double(), random_splits(num, splits, 0.2), columns)


def test_a_split_is_train_hold_out_and_test_without_overlap():
    parts = choose_split("x", make_set(), 1, seed=0, holdout=0.25)
    labels = [part.targets for part in parts.values()]
    assert [len(part) for part in labels] == [24, 8, 8]
    assert torch.equal(torch.cat(labels).sort().values, torch.arange(40.0))
    assert {part.inputs.dtype for part in parts.values()} == {torch.float32}


def test_the_seed_chooses_the_split_where_none_is_named():
    found = make_set()
    chosen = [choose_split("x", found, None, seed, 0.1)["test"].targets for seed in range(4)]
    named = [choose_split("x", found, split, 9, 0.1)["test"].targets for split in range(3)]
    assert all(torch.equal(a, b) for a, b in zip(chosen, [*named, named[0]], strict=True))
    assert not torch.equal(chosen[0], chosen[1])


def test_a_set_keeps_its_own_validation_part():
    roles = torch.tensor([[TRAIN, VAL, TEST, TRAIN]], dtype=torch.int8)
    found = RegressionSet(torch.rand(4, 1), torch.arange(4.0), roles)
    parts = choose_split("x", found, 0, 0, holdout=0.9)
    assert {name: part.targets.tolist() for name, part in parts.items()} == {
        "train": [0, 3],
        "val": [1],
        "test": [2],
    }


def test_an_unknown_split_is_refused():
    with pytest.raises(ConfigError, match=r"data\.split=3.*0.*2"):
        choose_split("x", make_set(), 3, 0, 0.1)


def test_a_set_without_test_samples_is_refused():
    found = RegressionSet(torch.rand(6, 1), torch.arange(6.0), torch.zeros(1, 6, dtype=torch.int8))
    with pytest.raises(DataError, match="'test'"):
        choose_split("x", found, 0, 0, 0.2)


def test_constant_labels_are_refused_in_any_split():
    found = make_set()
    check_samples("x", found)
    flat = RegressionSet(found.inputs, torch.full((40,), 7.0), found.splits)
    with pytest.raises(DataError, match=r"all training labels are 7 \(split 0\): nothing to learn"):
        check_samples("x", flat)
    in_test = torch.where(found.splits[1] == TEST, torch.arange(40.0), torch.tensor(2.5))
    with pytest.raises(DataError, match=r"all training labels are 2\.5"):
        check_samples("x", RegressionSet(found.inputs, in_test, found.splits[1:2]))


def test_what_is_not_finite_is_named():
    found = make_set(columns=("age", "size"))
    found.targets[5] = float("nan")
    with pytest.raises(DataError, match="the label of sample 5 is nan"):
        check_samples("x", found)
    found.targets[5] = 5
    found.inputs[7, 1] = float("inf")
    with pytest.raises(DataError, match=r"7.*'size'"):
        check_samples("x", found)


def test_fewer_samples_are_the_same_ones_each_time():
    whole = Samples(torch.arange(1000.0)[:, None], torch.arange(1000.0))
    few = thin(whole, 50, 1.0)
    assert len(few.targets) == 50 and torch.equal(few.inputs[:, 0], few.targets)
    assert torch.equal(few.targets, thin(whole, 50, 1.0).targets)
    assert torch.equal(thin(whole, None, 1.0).targets, whole.targets)
    with pytest.raises(ConfigError, match=r"data\.num_train=1001.*1000"):
        thin(whole, 1001, 1.0)


def test_imbalance_thins_towards_the_largest_label():
    whole = Samples(torch.zeros(4000, 1), torch.arange(4.0).repeat_interleave(1000))
    counts = thin(whole, None, 8.0).targets.unique(return_counts=True)[1].tolist()
    assert counts[0] == 1000
    for count, expected in zip(counts[1:], (500, 250, 125), strict=True):
        assert abs(count - expected) < 60


def test_the_scale_is_of_columns_and_channels_and_not_of_images():
    table = torch.tensor([[1.0, 5.0], [3.0, 5.0], [5.0, 5.0]])
    scaled = measure_scale(table).apply(table)
    torch.testing.assert_close(scaled[:, 0], torch.tensor([-1.5, 0.0, 1.5]).mul(1.5**-0.5))
    assert torch.equal(scaled[:, 1], torch.zeros(3))  # constant: no division by zero
    series = torch.randn(50, 3, 10) * 4 + 2
    whole = measure_scale(series).apply(series)
    torch.testing.assert_close(whole.mean((0, 2)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(whole.std((0, 2)), torch.ones(3), atol=1e-2, rtol=0)
    assert measure_scale(torch.rand(5, 1, 4, 4)) is None


def test_a_large_constant_column_is_constant_for_all_its_rounding():
    table = torch.full((30, 1), 0.1) * 1e6
    assert torch.equal(measure_scale(table).apply(table), torch.zeros(30, 1))


def test_random_splits_do_not_depend_on_a_seed_but_on_their_number():
    splits = random_splits(50, 4, 0.1)
    assert (splits == TEST).sum(1).tolist() == [5] * 4
    assert torch.equal(splits[:2], random_splits(50, 2, 0.1))
    assert not torch.equal(splits[0], splits[1])


def test_masks_are_true_for_test():
    mask = torch.tensor([[True, False], [False, False]])
    assert split_by_masks(mask).tolist() == [[TEST, TRAIN], [TRAIN, TRAIN]]


@pytest.mark.parametrize("part", ["inputs", "targets", "splits"])
def test_the_fingerprint_is_of_all_of_it(part):
    found, changed = make_set(), make_set()
    assert fingerprint_samples(found) == fingerprint_samples(changed)
    getattr(changed, part)[0] += 1
    assert fingerprint_samples(found) != fingerprint_samples(changed)
