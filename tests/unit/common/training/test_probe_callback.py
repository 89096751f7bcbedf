"""A probe in a script that knows nothing of the project."""

import csv

import lightning
import pytest
import torch
from lightning.pytorch.loggers import CSVLogger
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


def trained(tmp_path, logger=False, module=None, **probe_with):
    lightning.seed_everything(3, verbose=False)
    module = module or Plain()
    module.fixed.eval()
    loader = DataLoader(TRAIN, 16, shuffle=True, generator=torch.Generator().manual_seed(1))
    data = (loader, DataLoader(TEST, 8, shuffle=True))
    callbacks = [Probe(**{"data": data, **probe_with})] if probe_with else []
    trainer = lightning.Trainer(
        max_epochs=4,
        logger=logger,
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
    state = torch.get_rng_state()
    with pytest.raises(DataError, match="one vector a sample"):
        probe(nn.Unflatten(1, (5, 1)), (DataLoader(TRAIN, 8, shuffle=True), TEST))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"every_n_epochs": 0}, "every_n_epochs=0: a whole number from 1 is needed"),
        ({"every_n_epochs": "3"}, "every_n_epochs='3': a whole number from 1 is needed"),
        ({"protocols": "knn"}, r"protocols='knn': a list of names is needed, such as \['knn'\]"),
        ({"protocols": [3]}, "3 is no protocol"),
        ({"knn": [5]}, r"knn=\[5\]: a dictionary of its settings is needed"),
        ({"knn": {"k": "5"}}, "knn: k='5': int is needed, such as "),
        ({"knn": {"k": True}}, "knn: k=True: int is needed, such as "),
        ({"few_label": {"labels": 3}}, "few_label: labels=3: list is needed, such as "),
        ({"every_n_epoch": 2}, "every_n_epoch: no protocol that is measured"),
        ({"protocols": ["knnn"]}, "'knnn' is no protocol; did you mean 'knn'"),
        (
            {"protocols": ["linear"], "knn": {"k": 3}},
            "knn: no protocol that is measured",
        ),
        ({"knn": {"kk": 5}}, "knn: no setting 'kk'; did you mean 'k'"),
        ({"knn": {"k": 0}}, "knn: k=0: must be at least 1"),
        ({"knn": {"temperature": 0.0}}, "knn: temperature=0.0: must be above 0"),
        ({"knn": {"temperature": torch.inf}}, "temperature=inf: a finite number is needed"),
        ({"few_label": {"labels": [1, 0]}}, r"labels=\[1, 0\]: must be at least 1"),
        ({"few_label": {"labels": ["1"]}}, r"labels=\['1'\]: int is needed, such as 1"),
        ({"regression_probe": {"loss": "l2"}}, "loss='l2': unknown value; known: l1, mse"),
        ({"every_epoch": 5}, "every_epoch: no protocol .*; did you mean 'every_n_epochs'"),
        ({"finetune": {"epochs": 1}}, "finetune: no protocol that is measured; known: .*knn"),
        *(
            ({"protocols": [name]}, f"protocols: {name} needs more than vectors; .* knn, linear")
            for name in (
                *("finetune", "linear-sgd", "uniformity-tolerance", "association", "zero-shot"),
                *("node-probe", "factors", "ranking", "series-svm", "text-transfer"),
            )
        ),
    ],
)
def test_what_does_not_exist_is_refused_where_it_is_written(settings, says):
    with pytest.raises(ConfigError, match=says):
        Probe((TRAIN, TEST), **settings)


@pytest.mark.parametrize(
    ("settings", "says"),
    [({"protocols": ["sts"]}, "sts needs pairs"), ({"protocols": ["knn"], "knn": {"k": 99}}, "99")],
)
def test_what_does_not_fit_is_refused_before_the_first_step(settings, says, tmp_path):
    module = Plain()
    with pytest.raises(ConfigError, match=says):
        trained(tmp_path, module=module, every_n_epochs=3, **settings)
    assert not module.seen


def test_looks_begin_before_the_first_step_and_one_that_fails_ends_no_training(tmp_path):
    class Breaks(Plain):
        def on_train_epoch_start(self):
            if self.current_epoch == 2:
                self.net[3].weight.data.fill_(torch.nan)

    logger = CSVLogger(tmp_path)
    with pytest.warns(UserWarning, match="Probe: nothing measured in epoch 2: embeddings: 64 of"):
        trained(tmp_path, logger, Breaks(), protocols=["knn"])
    rows = list(csv.DictReader(open(f"{logger.log_dir}/metrics.csv")))
    assert [int(row["step"]) for row in rows if row["probe/knn_top1"]] == [0, 3, 7]
    _, trainer = trained(tmp_path, protocols=["knn"], every_n_epochs=9)
    assert "probe/knn_top1" in trainer.callback_metrics, "the last epoch has a look in any case"


def test_what_is_no_module_and_what_is_no_tensor_is_named():
    with pytest.raises(ConfigError, match="function: a probe takes a Module of torch"):
        probe(lambda x: x, (TRAIN, TEST))
    x, y = X.numpy(), Y.numpy()
    for data in ((x, y), ((x, y), (x, y))):
        with pytest.raises(DataError, match=r"^ndarray\(.*\): a probe takes tensors: batches"):
            probe(nn.Linear(5, 4), data)


def test_it_says_what_it_does_not_measure_for_want_of_labels_or_training_samples(recwarn):
    module = nn.Linear(5, 6)
    probe(module, ((X[:64], Y[:64]), (X[64:], Y[64:])))
    probe(module, X)
    probe(module, (X, Y), ["isotropy"])
    assert not [one for one in recwarn if "Probe" in str(one.message)]
    for data in ((X, Y), DataLoader(TRAIN, 16), (X, X[:, 0]), (X[:64], X[64:])):
        with pytest.warns(UserWarning, match="few-label, knn, linear, .* need training and tested"):
            assert "knn_top1" not in probe(module, data)


def test_a_training_says_once_what_is_not_measured(tmp_path, recwarn):
    _, trainer = trained(tmp_path, data=DataLoader(TRAIN, 16))
    assert "probe/isotropy" in trainer.callback_metrics
    assert len([one for one in recwarn if "not measured" in str(one.message)]) == 1


def test_two_tensors_of_inputs_are_training_and_tested_samples():
    module = nn.Linear(5, 6)
    loaders = DataLoader(X[:64], 32), DataLoader(X[64:], 32)
    assert probe(module, (X[:64], X[64:])) == probe(module, loaders)
    with pytest.raises(DataError, match="as many labels as inputs"):
        probe(nn.Linear(5, 6), ((X, Y[:9]), TEST))


def test_labels_are_one_a_sample_and_may_stand_in_a_column():
    module = nn.Linear(5, 6)
    for labels in (Y, X[:, 0]):
        columns = [[(X[part], labels[part][:, None])] for part in (slice(64), slice(64, None))]
        plain = [[(X[part], labels[part])] for part in (slice(64), slice(64, None))]
        assert probe(module, tuple(columns)) == probe(module, tuple(plain))
    single = [(X[i : i + 1], Y[i]) for i in range(len(Y))]
    found = probe(module, (single, single)), probe(module, ([(X, Y)], [(X, Y)]))
    assert found[0]["knn_top1"] == found[1]["knn_top1"]
    marked = nn.functional.one_hot(Y)
    with pytest.raises(DataError, match=r"^Tensor\(96, 4\): .* one label a sample.*argmax"):
        probe(module, [(X, marked)])
    with pytest.raises(DataError, match=r"one label a sample, .* of 96 here"):
        probe(module, [(X, Y[:9])])
    with pytest.raises(DataError, match="a probe takes numbers as labels"):
        probe(module, [(X, ["cat", "dog"] * 48)])
