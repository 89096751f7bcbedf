"""Keys from the trainer's processes, entered anywhere, loaded without a draw of the global RNG."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset

from common.data.contract import KeyedData, keyed_loader
from common.data.sampler import BatchKey, EpochBatchSampler
from common.errors import ConfigError


class Rows(Dataset[np.ndarray]):
    """Gives the rows of a key as an array, which a collate function would make a tensor of."""

    def __getitem__(self, key: BatchKey) -> np.ndarray:
        """Returns the rows."""
        return key.rows.numpy()


def _in_process(rank: int, world_size: int) -> KeyedData:
    data = KeyedData(seed=3, batch_size=4)
    data.trainer = SimpleNamespace(global_rank=rank, world_size=world_size)
    return data


def _rows(keys) -> list[list[int]]:
    return [key.rows.tolist() for key in keys]


def test_without_a_trainer_one_process_has_all():
    keys = list(KeyedData(seed=3, batch_size=4).make_sampler(10, 4))
    assert _rows(keys) == _rows(EpochBatchSampler(10, 4, 3))
    assert [len(key.rows) for key in keys] == [4, 4]


def test_processes_share_each_batch():
    whole = _rows(KeyedData(seed=3, batch_size=4).make_sampler(8, 4))
    halves = [_rows(_in_process(rank, 2).make_sampler(8, 4)) for rank in (0, 1)]
    assert [a + b for a, b in zip(*halves, strict=True)] == whole


def test_a_batch_that_processes_cannot_share_is_refused():
    with pytest.raises(ConfigError, match="3"):
        _in_process(0, 2).make_sampler(8, 3)


def test_a_rest_is_kept_and_an_order_is_followed():
    sampler = KeyedData(seed=3, batch_size=4).make_sampler(
        5, 2, drop_last=False, order=lambda _: torch.arange(5)
    )
    assert _rows(sampler) == [[0, 1], [2, 3], [4]]


def test_a_step_has_the_samples_of_the_global_batch():
    assert _in_process(1, 2).step_samples == 4


@pytest.mark.parametrize("before", [True, False])
def test_seek_counts_batches_of_the_whole_training(before):
    data = KeyedData(seed=3, batch_size=4)
    if before:
        data.seek(5)
    sampler = data.make_sampler(12, 4)
    if not before:
        data.seek(5)
    reference = EpochBatchSampler(12, 4, 3)
    reference.set_epoch(1)
    assert _rows(sampler) == _rows(reference)[2:]


def test_the_loader_gives_what_the_data_set_gave_and_draws_nothing():
    sampler = KeyedData(seed=3, batch_size=4).make_sampler(8, 4)
    before = torch.random.get_rng_state()
    batches = list(keyed_loader(Rows(), sampler))
    assert all(isinstance(batch, np.ndarray) for batch in batches)
    assert [batch.tolist() for batch in batches] == _rows(sampler)
    assert torch.equal(before, torch.random.get_rng_state())


def test_workers_load_the_same_batches():
    sampler = KeyedData(seed=3, batch_size=4).make_sampler(8, 4)
    batches = list(keyed_loader(Rows(), sampler, workers=1))
    assert [batch.tolist() for batch in batches] == _rows(sampler)
