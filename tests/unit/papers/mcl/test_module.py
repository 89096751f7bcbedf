"""MCL's module in a Trainer: which stage learns, what its batches are, and what is refused."""

import pytest
import torch
from lightning import Callback

from common.config.recipe import load_recipe
from common.config.schema import OptimizerConfig
from common.data.images.config import ImageConfig, ImageFacts, ViewConfig
from common.data.images.module import ImageData
from common.data.images.sets import Split
from common.errors import ConfigError, DataError, UsageError
from papers.mcl.config import MCLConfig
from papers.mcl.module import MCL
from tests.training import quiet_trainer

NUM, BATCH = 64, 8
SMALL = {"backbone": "mlp", "hidden_dim": 8, "output_dim": 4, "num_clusters": 2}


def make_data(num: int = NUM) -> ImageData:
    generator = torch.Generator().manual_seed(0)
    # Two kinds of images that any encoder tells apart.
    kind = torch.arange(num) % 2
    images = torch.rand(num, 1, 6, 6, generator=generator) * 0.2 + 0.7 * kind[:, None, None, None]
    parts = {name: Split(images, kind) for name in ("train", "test")}
    views = [ViewConfig(count=2, size=6, noise=0.05)]
    config = ImageConfig(batch_size=BATCH, holdout=0.0, views=views)
    return ImageData(config, 0, read=lambda root: parts)


def make_module(**changes) -> MCL:
    torch.manual_seed(0)
    method = MCLConfig(**SMALL | {"stages": 3, "stage_epochs": 1} | changes)
    return MCL(method, OptimizerConfig(name="adam", lr=1e-3), ImageFacts(1, 6, 2, NUM))


class Seen(Callback):
    """Notes of each batch its rows and which encoders have moved in it."""

    def __init__(self) -> None:
        self.rows, self.moved = [], []

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.before = {n: p.clone() for n, p in pl_module.named_parameters()}
        self.rows.append(batch.key.rows)

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        names = {n for n, p in pl_module.named_parameters() if not torch.equal(p, self.before[n])}
        self.moved.append({int(name.split(".")[1]) for name in names})


def train(module: MCL, data: ImageData | None = None, **options) -> Seen:
    seen = Seen()
    trainer = quiet_trainer(max_epochs=3, callbacks=[seen], **options)
    trainer.fit(module, datamodule=data or make_data())
    return seen


def test_each_stage_trains_its_own_encoder_on_batches_of_one_group():
    module = make_module()
    seen, per_epoch = train(module), NUM // BATCH
    assert len(seen.rows) == 3 * per_epoch
    assert seen.moved == [{number // per_epoch} for number in range(3 * per_epoch)]
    assert int(module.begun) == 3 and module.groups.max() > 1
    # The last stage's groups are those of both stages before.
    for rows in seen.rows[2 * per_epoch :]:
        assert len(set(module.groups[rows].tolist())) == 1
    kinds = [len(set((rows % 2).tolist())) for rows in seen.rows]
    assert max(kinds[:per_epoch]) == 2 and set(kinds[per_epoch:]) == {1}


def test_an_ensemble_has_ordinary_batches_and_no_groups():
    module = make_module(negatives="all")
    seen = train(module)
    assert not module.groups.any()
    assert sorted(torch.cat(seen.rows[-8:]).tolist()) == list(range(NUM))


def test_random_groups_differ_between_seeds_and_not_between_runs():
    first, second = make_module(negatives="random"), make_module(negatives="random")
    train(first)
    train(second)
    assert torch.equal(first.groups, second.groups)
    torch.manual_seed(1)
    third = MCL(first.method, first.optimizer, ImageFacts(1, 6, 2, NUM))
    train(third)
    assert not torch.equal(first.groups, third.groups)


def test_mixed_batches_leave_out_negatives_of_other_groups():
    module = make_module(batches="mixed")
    seen = train(module)
    assert sorted(torch.cat(seen.rows[-8:]).tolist()) == list(range(NUM))
    assert module.groups.max() > 1


def test_the_embedding_holds_all_stages_at_unit_length():
    module = make_module().eval()
    found = module(torch.rand(5, 1, 6, 6))
    assert found.shape == (5, 3 * 64) and module.parts["stage1"] == slice(64, 128)
    for columns in module.parts.values():
        assert torch.allclose(found[:, columns].norm(dim=1), torch.ones(5))


def test_groups_that_fill_no_batch_are_refused():
    with pytest.raises(ConfigError, match="num_clusters"):
        train(make_module(num_clusters=30))


def test_a_strangers_loader_cannot_be_grouped():
    module = make_module()
    batch = [torch.rand(8, 1, 6, 6) for _ in range(2)], torch.zeros(8)
    loader = torch.utils.data.DataLoader([batch], batch_size=None)
    with pytest.raises(UsageError, match="regroup"):
        quiet_trainer(max_epochs=3).fit(module, loader)
    module = make_module(stages=2)
    module.regroup(1, torch.rand(NUM, 1, 6, 6).split(16))
    module.begun.fill_(2)
    with pytest.raises(UsageError, match="mixed"):
        quiet_trainer(max_epochs=2).fit(module, loader)


def test_a_training_without_epochs_for_its_last_stage_is_refused():
    with pytest.raises(ConfigError, match=r"trainer\.epochs"):
        load_recipe("mcl/quick", ["trainer.epochs=20"])
    with pytest.raises(DataError):
        make_module().training_step((torch.zeros(3), 1, 2), 0)
