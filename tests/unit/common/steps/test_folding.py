"""A small set that counts as a large one has as many batches, and the large one's order."""

from functools import partial

import torch

from common.config.recipe import load_recipe
from common.data.contract import KeyedData
from common.data.images.module import ImageData
from common.data.images.synthetic import make
from common.data.sampler import EpochBatchSampler
from common.data.targets.open_world.module import alternating_order
from common.steps.float64 import in_float64
from common.steps.folding import describe_orders, fold
from tests.shapes import IMAGES


def folded(samples: int) -> ImageData:
    recipe = load_recipe("swav/quick", ["data.batch_size=60"])
    data = ImageData(recipe.data, 3, read=lambda _root: make(IMAGES, rows=100))
    data.load()
    fold(data, samples)
    return data


def test_rows_are_those_of_the_large_set_modulo_the_small_one() -> None:
    data = folded(1000)
    batches = [batch.key.rows for batch in data.train_dataloader()]
    order = [key.rows for key in EpochBatchSampler(1000, 60, 3)]
    assert len(batches) == len(order) == 16
    assert all(bool((a == b % 100).all()) for a, b in zip(batches, order, strict=True))
    assert data._sampler is not None
    assert describe_orders(data._sampler)[0].startswith(" ".join(map(str, order[0][:20].tolist())))


def test_a_run_entered_later_goes_on_there() -> None:
    data = folded(1000)
    data.seek(20)
    keys = [batch.key for batch in data.train_dataloader()]
    assert (keys[0].epoch, keys[0].batch) == (1, 4)


def test_an_order_of_classes_is_repeated() -> None:
    data = KeyedData(seed=0, batch_size=None)
    data.on_after_batch_transfer = lambda batch, _index: batch  # type: ignore[method-assign]
    fold(data, 50)  # type: ignore[arg-type]
    labels, labelled = torch.arange(12) % 3, torch.arange(12) < 6
    sampler = data.make_sampler(12, 10, order=partial(alternating_order, labels, labelled))
    rows = torch.cat([key.rows for key in sampler])
    assert len(rows) == 50 and int(rows.max()) < 12
    assert bool((labelled[rows] == (torch.arange(50) % 2 == 1)).all())


def test_batches_are_float64() -> None:
    data = folded(100)
    batch = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
    assert all(view.dtype == torch.float64 for view in batch.views)
    assert in_float64(batch.labels).dtype == torch.int64
