"""A probe in a script that knows nothing of the project."""

import lightning
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from common.errors import ConfigError, DataError
from common.training.probe import Probe, probe

X = torch.randn(96, 5, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] > 0).long() + 2 * (X[:, 1] > 0).long()
TRAIN, TEST = TensorDataset(X[:64], Y[:64]), TensorDataset(X[64:], Y[64:])


class Plain(lightning.LightningModule):
    """Dropout draws, batch norm counts, and one part stays in evaluation mode."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 4))
        self.fixed = nn.BatchNorm1d(4).eval()
        self.seen = []

    def forward(self, x):
        return self.fixed(self.net(x))

    def training_step(self, batch, _):
        self.seen.append((self.net.training, self.fixed.training))
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


def trained(tmp_path, **probe_with):
    lightning.seed_everything(3, verbose=False)
    module = Plain()
    module.fixed.eval()
    loader = DataLoader(TRAIN, 16, shuffle=True, generator=torch.Generator().manual_seed(1))
    callbacks = (
        [Probe((loader, DataLoader(TEST, 8, shuffle=True)), **probe_with)] if probe_with else []
    )
    trainer = lightning.Trainer(
        max_epochs=4,
        logger=False,
        enable_checkpointing=False,
        callbacks=callbacks,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
        accelerator="cpu",
    )
    trainer.fit(module, loader)
    return module, trainer


def test_weights_are_equal_to_the_bit_with_and_without_it(tmp_path):
    plain, _ = trained(tmp_path)
    probed, trainer = trained(tmp_path, protocols=["knn", "linear"], every_n_epochs=2, knn={"k": 3})
    for name, value in plain.state_dict().items():
        assert torch.equal(value, probed.state_dict()[name]), name
    assert probed.seen == plain.seen
    assert {"probe/knn_top1", "probe/linear_top1"} <= set(trainer.callback_metrics)


def test_the_function_gives_what_scikit_learn_gives():
    module = nn.Linear(5, 4)
    found = probe(module, (TRAIN, TEST), ["knn"], knn={"k": 1, "standardise": False})
    z = nn.functional.normalize(module(X)).detach().numpy()
    theirs = KNeighborsClassifier(1, metric="cosine").fit(z[:64], Y[:64])
    assert found == {"knn_top1": pytest.approx(100 * theirs.score(z[64:], Y[64:]))}


def test_it_measures_all_that_fits_what_the_data_know():
    module = nn.Linear(5, 6)
    alone = probe(module, DataLoader(X, 32))
    assert set(alone) == {"uniformity", "effective_rank", "isotropy", "rankme"}
    numbers = probe(module, ((X[:64], X[:64, 0] / 3), TensorDataset(X[64:], X[64:, 0] / 3)))
    assert numbers["r2"] > 0.9
    with pytest.raises(ConfigError, match="sts needs pairs with scores"):
        probe(module, (TRAIN, TEST), ["sts"])
    with pytest.raises(DataError, match="one vector a sample"):
        probe(nn.Unflatten(1, (5, 1)), (TRAIN, TEST))
