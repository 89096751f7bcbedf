"""`Trainer.validate` and `Trainer.test` of any module, and callbacks that look at its loss."""

import pytest
import torch
from lightning import Trainer
from lightning.pytorch.callbacks import EarlyStopping
from torch.utils.data import DataLoader, TensorDataset

from common.data.images.config import ImageConfig
from common.data.images.module import ImageData
from common.errors import ConfigError, DataError
from common.evaluation.run_protocols import run_protocols
from common.methods.config import SimCLRConfig
from common.methods.simclr import SimCLR
from papers.simcse import SimCSE, SimCSEConfig
from tests.own_network import network

X = torch.rand(48, 3, 8, 8, generator=torch.Generator().manual_seed(0)) / 4
Y = torch.arange(48) % 2
X[Y == 1, 0] += 1


def make(channels: int = 3) -> SimCLR:
    torch.manual_seed(0)
    return SimCLR(SimCLRConfig(hidden_dim=8, output_dim=4), backbone=network(channels))


def loader(x=X, y=Y) -> DataLoader:
    return DataLoader(TensorDataset(x, y), batch_size=16)


def trainer(**options) -> Trainer:
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False}
    return Trainer(accelerator="cpu", enable_checkpointing=False, **quiet, **options)


def views() -> DataLoader:
    """Three batches as lightly's loaders give them, with file names."""
    images = [([x, x.flip(2)], y, "a.png") for x, y in zip(X, Y, strict=True)]
    return DataLoader(images, batch_size=16)


@pytest.mark.parametrize("name", ["validate", "test"])
def test_two_loaders_are_measured_by_neighbours_and_a_linear_probe(name):
    module = make()
    x, y = torch.cat([X, X[:2]]), torch.cat([Y, torch.tensor([-1, -1])])  # two without label
    (found, _) = getattr(trainer(), name)(module, [loader(), loader(x, y)], verbose=False)
    prefix = "val" if name == "validate" else "test"
    assert found[f"{prefix}/linear_top1"] == found[f"{prefix}/linear_train_top1"] == 100
    assert found[f"{prefix}/knn_top1"] == 100
    module.evaluation.knn.k = 49
    with pytest.raises(ConfigError, match=r"evaluation\.knn\.k=49"):
        getattr(trainer(), name)(module, [loader(), loader()], verbose=False)


def test_a_data_module_gives_the_numbers_of_its_protocols():
    data = ImageData(ImageConfig(batch_size=64), 0)
    data.load()
    torch.manual_seed(0)
    module = SimCLR(SimCLRConfig(hidden_dim=8), facts=data.facts, backbone=network(1))
    for name, split in (("validate", "val"), ("test", "test")):
        (found,) = getattr(trainer(), name)(module, datamodule=data, verbose=False)
        inputs = data.evaluation_inputs(module, split)
        expected = run_protocols(["knn", "linear"], inputs, module.evaluation, 0, f"{split}/")
        assert found == pytest.approx(expected, rel=1e-6)
    without = ImageData(ImageConfig(batch_size=64, holdout=0), 0)
    trainer(max_epochs=1, limit_train_batches=1).fit(module, datamodule=without)
    with pytest.raises(DataError, match="holdout"):
        trainer().validate(module, datamodule=without)


def test_a_training_looks_after_each_epoch_and_may_stop_by_either():
    stop = EarlyStopping("train/loss", patience=1, min_delta=1e9)
    made = trainer(max_epochs=9, callbacks=[stop])
    made.fit(make(), views(), [loader(), loader()])
    assert made.current_epoch == 2 and "val/knn_top1" in made.callback_metrics
    stop = EarlyStopping("val/knn_top1", mode="max", patience=1, min_delta=1e9)
    made = trainer(max_epochs=9, callbacks=[stop], limit_train_batches=2)
    made.fit(make(), views(), [loader(), loader()])
    assert made.current_epoch == 2 and "train/loss" in made.callback_metrics


@pytest.mark.parametrize(
    ("loaders", "says"),
    [
        (loader(), "1 loaders: a probe takes two"),
        ([loader()] * 3, "3 loaders: a probe takes two"),
        ([loader(y=-torch.ones_like(Y)), loader()], "all are -1"),
        ([loader(y=Y.float()), loader()], "takes .inputs, labels."),
        ([views(), views()], "takes .inputs, labels."),
    ],
)
def test_what_cannot_be_measured_is_refused_by_what_is_needed(loaders, says):
    with pytest.raises(DataError, match=says):
        trainer().validate(make(), loaders, verbose=False)


def test_texts_are_measured_by_their_ids_and_mask():
    module = SimCSE(SimCSEConfig())
    ids, mask = torch.randint(4, 50, (24, 5)), torch.ones(24, 5, dtype=torch.int64)
    batches = DataLoader([((i, m), y) for i, m, y in zip(ids, mask, Y, strict=False)], 8)
    found = trainer().validate(module, [batches, batches], verbose=False)[0]
    assert "val/knn_top1" in found
