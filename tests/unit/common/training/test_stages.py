"""Stages within one fit: where each begins, what it changes, and how it resumes: bit by bit."""

from types import SimpleNamespace

import pytest
import torch
from lightning import Callback, LightningModule
from torch import nn
from torch.utils.data import Dataset

from common.config.schema import OptimizerConfig
from common.data.contract import KeyedData, keyed_loader
from common.errors import ConfigError
from common.training.position import Position, batches_seen, count_batch
from common.training.stages import Stage, configure_stages, enter_stage, rate_stages, stage_number
from tests.training import quiet_trainer

BATCHES, EPOCHS = 4, 5  # batches an epoch, epochs of the training
SECOND, THIRD = 1 * BATCHES, 3 * BATCHES  # the stages' first batches
RATES = OptimizerConfig(name="adamw", lr=0.1, schedule="linear")


class Rows(Dataset):
    def __getitem__(self, key):
        generator = torch.Generator().manual_seed(0)
        return torch.randn(BATCHES * 3, 2, generator=generator)[key.rows]


class Data(KeyedData):
    fingerprint = "rows"

    def __init__(self):
        super().__init__(seed=1, batch_size=3)

    def train_dataloader(self):
        return keyed_loader(Rows(), self.make_sampler(BATCHES * 3, 3))


class Toy(LightningModule):
    """Three stages: all learn; the first layer rests; targets are estimated from the data anew."""

    def __init__(self, last_keeps_optimizer=False):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Linear(2, 2), nn.Linear(2, 2)
        self.dropout = nn.Dropout(0.5)
        self.register_buffer("batches_seen", torch.zeros((), dtype=torch.int64))
        self.register_buffer("target", torch.zeros(2))
        self.begun, self.met, self.rates = [], [], []
        self.stages = (
            Stage(name="all", epochs=1, rates=RATES, begin=lambda: self.note("all")),
            Stage(name="top", epochs=2, rates=OptimizerConfig(lr=0.02), frozen=("first",)),
            Stage(
                name="anew",
                rates=OptimizerConfig(lr=0.05, schedule="cosine"),
                keeps_optimizer=last_keeps_optimizer,
                begin=self.estimate,
            ),
        )

    def training_step(self, batch, batch_idx):
        stage = enter_stage(self, self.stages)
        out = self.second(self.dropout(self.first(batch)))
        self.met.append(stage.name)
        self.rates.append(self.trainer.optimizers[0].param_groups[0]["lr"])
        self.log(f"train/{stage.name}_loss", out.sum().detach())
        count_batch(self)
        return (out - self.target).square().mean()

    def configure_optimizers(self):
        return configure_stages(self, self.stages, RATES)

    def note(self, name):
        self.begun.append((name, batches_seen(self)))

    @torch.no_grad()
    def estimate(self):
        self.note("anew")
        rows = torch.cat(list(self.trainer.train_dataloader))
        self.target.copy_(self.first(rows).mean(dim=0))


class Saves(Callback):
    """Saves after each batch, and notes which parameters have learnt and what the rates mean."""

    def __init__(self, folder):
        self.folder, self.states, self.moments = folder, [], []

    def on_train_batch_end(self, trainer, pl_module, *rest):
        self.states.append({n: p.clone() for n, p in pl_module.named_parameters()})
        state = trainer.optimizers[0].state
        self.moments.append({n: int(state[p]["step"]) for n, p in names_of(pl_module, state)})
        trainer.save_checkpoint(self.folder / f"{batches_seen(pl_module)}.ckpt")


def names_of(module, state):
    return [(name, p) for name, p in module.named_parameters() if p in state]


def fit(module, folder, resumed=None):
    saves = Saves(folder)
    trainer = quiet_trainer(max_epochs=EPOCHS, callbacks=[Position(), saves])
    trainer.fit(module, datamodule=Data(), ckpt_path=resumed)
    return saves


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    module, folder = Toy(), tmp_path_factory.mktemp("whole")
    return module, fit(module, folder), folder


def test_each_batch_is_in_its_stage_and_each_stage_begins_once(whole):
    module, _, _ = whole
    assert module.met == ["all"] * SECOND + ["top"] * (THIRD - SECOND) + ["anew"] * 2 * BATCHES
    assert module.begun == [("all", 0), ("anew", THIRD)]


def test_rates_are_of_the_stage_and_run_over_its_own_epochs(whole):
    rates = whole[0].rates
    assert rates[:SECOND] == pytest.approx([0.1, 0.075, 0.05, 0.025])
    assert rates[SECOND:THIRD] == [0.02] * (THIRD - SECOND)
    assert rates[THIRD] == 0.05 and rates[-1] < 0.01


def test_a_frozen_child_rests_in_its_stage_alone(whole):
    states = whole[1].states
    weights = [state["first.weight"] for state in states]
    assert not torch.equal(weights[0], weights[SECOND - 1])
    assert all(torch.equal(weights[SECOND - 1], each) for each in weights[SECOND:THIRD])
    assert not torch.equal(weights[THIRD], weights[THIRD - 1])


def test_the_optimizer_starts_anew_unless_the_stage_keeps_it(whole, tmp_path):
    moments = whole[1].moments
    assert moments[SECOND - 1] == dict.fromkeys(moments[0], SECOND)
    assert set(moments[SECOND].values()) == {1} and "first.weight" not in moments[SECOND]
    assert set(moments[THIRD].values()) == {1}
    kept = fit(Toy(last_keeps_optimizer=True), tmp_path).moments[THIRD]
    assert kept["second.weight"] == THIRD - SECOND + 1


@pytest.mark.parametrize("batch", [2, SECOND, SECOND + 1, THIRD - 1, THIRD, THIRD + 1])
def test_a_run_that_resumes_within_or_between_stages_equals_the_whole(batch, whole, tmp_path):
    module, _, folder = whole
    resumed = Toy()
    fit(resumed, tmp_path, folder / f"{batch}.ckpt")
    assert resumed.met == module.met[batch:] and resumed.rates == module.rates[batch:]
    assert resumed.begun == [(name, seen) for name, seen in module.begun if seen >= batch]
    for name, value in module.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_a_training_that_is_too_short_for_its_stages_is_refused(tmp_path):
    module = Toy()
    with pytest.raises(ConfigError, match=r"trainer.epochs: 2"):
        quiet_trainer(max_epochs=2).fit(module, datamodule=Data())


def test_a_training_may_end_where_its_last_stage_would_begin():
    module = Toy()
    trainer = quiet_trainer(max_epochs=3, callbacks=[Position()])
    trainer.fit(module, datamodule=Data())
    assert module.begun == [("all", 0)] and len(module.met) == THIRD


def test_a_metric_of_a_stage_is_not_written_in_the_next(tmp_path):
    seen = []

    class Watch(Callback):
        def on_train_batch_end(self, trainer, pl_module, *rest):
            seen.append(set(trainer.callback_metrics))

    trainer = quiet_trainer(max_epochs=EPOCHS, callbacks=[Position(), Watch()])
    trainer.fit(Toy(), datamodule=Data())
    assert seen[0] == {"train/all_loss"} and seen[SECOND] == {"train/top_loss"}


def test_an_epoch_beyond_the_training_is_of_the_last_stage():
    stages = Toy().stages
    assert [stage_number(stages, epoch) for epoch in (0, 1, 2, 3, 99)] == [0, 1, 1, 2, 2]


def test_accumulated_gradients_shorten_the_rates_of_every_stage():
    module = Toy()
    module._trainer = SimpleNamespace(
        max_epochs=EPOCHS,
        num_training_batches=BATCHES,
        accumulate_grad_batches=3,
        estimated_stepping_batches=EPOCHS * 2,
    )
    table = configure_stages(module, module.stages, RATES)["lr_scheduler"]["scheduler"].table
    assert len(table) == EPOCHS * 2 and list(table[:2]) == pytest.approx([0.1, 0.05])


def test_the_rate_falls_after_its_epochs_and_never_without_drops() -> None:
    rates = OptimizerConfig(lr=0.5)
    stages = rate_stages(rates, [3, 4], 0.1)
    assert [stage.epochs for stage in stages] == [3, 1, None]
    torch.testing.assert_close(
        torch.tensor([stage.rates.lr for stage in stages]), torch.tensor([0.5, 0.05, 0.005])
    )
    (only,) = rate_stages(rates, [])
    assert only.epochs is None and only.rates == rates
