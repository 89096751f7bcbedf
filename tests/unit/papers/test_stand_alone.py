"""Every paper's module in a stranger's code: stock Trainer, own loader, plain loop, checkpoints."""

import csv
from collections.abc import Iterator
from itertools import repeat
from typing import Any

import pytest
import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.loggers import CSVLogger
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from common.backbones.text_config import EncoderConfig
from common.config.schema import OptimizerConfig
from common.data.graphs.config import GraphConfig
from common.data.graphs.module import GraphData
from common.data.images.config import ImageFacts
from common.data.sequences.config import SequenceFacts
from common.data.series.batches import as_series_batch
from common.data.series.config import SeriesFacts
from common.data.targets.open_world.config import OpenWorldFacts
from common.data.targets.regression.config import RegressionFacts
from common.data.text.config import TextFacts
from common.errors import ConfigError, DataError
from papers.amcl import AMCL, AMCLConfig
from papers.autotcl import AutoTCL, AutoTCLConfig
from papers.cmim import CMIM, CMIMConfig
from papers.defsent_plus import DefSentPlus, DefSentPlusConfig
from papers.dse import DSE, DSEConfig
from papers.hydra import SimLAP, SimLAPConfig
from papers.mcl import MCL, MCLConfig
from papers.mclrec import MCLRec, MCLRecConfig
from papers.meow import MEOW, MEOWConfig
from papers.owdfa_cpl import CPL, CPLConfig
from papers.pixpro import PixPro, PixProConfig
from papers.sepclr import SepCLR, SepCLRConfig
from papers.simcse import SimCSE, SimCSEConfig
from papers.supremix import SupReMix, SupReMixConfig
from papers.swav import SwAV, SwAVConfig
from papers.whitenedcse import WhitenedCSE, WhitenedCSEConfig
from tests.of_pairs import clip_rocket, contrastive_gap, negclip
from tests.on_moco import ON_MOCO
from tests.samples import SMALL_AUTOTCL, SMALL_HYDRA, sirl

Made = tuple[LightningModule, Any, tuple[Any, ...]]
LABELS = torch.arange(8) % 3
SMALL = {"backbone": "small_conv", "hidden_dim": 16, "output_dim": 8}


def views() -> list[Tensor]:
    return [torch.rand(8, 3, 16, 16) for _ in range(2)]


def swav() -> Made:
    method = SwAVConfig(**SMALL, num_prototypes=4, queue_length=16, queue_from_epoch=0)
    return SwAV(method), (views(), LABELS), (views()[0],)


def pixpro() -> Made:
    method = PixProConfig(backbone="resnet18", stem="cifar", hidden_dim=16, output_dim=8)
    crops = torch.tensor([0.0, 0.0, 16.0, 16.0, 0.0, 0.0]).expand(8, 6)
    batch = views(), LABELS, [crops, crops], torch.full((8, 2), 16.0)
    return PixPro(method), batch, (views()[0],)


def amcl() -> Made:
    return AMCL(AMCLConfig(**SMALL)), (views(), LABELS), (views()[0],)


def hydra() -> Made:
    module = SimLAP(SimLAPConfig(**SMALL_HYDRA), facts=ImageFacts(num_classes=3))
    return module, (views(), LABELS), (views()[0],)


def owdfa_cpl() -> Made:
    facts = OpenWorldFacts(size=16, num_classes=5, num_known=3, num_unlabelled=4)
    labels = torch.tensor([-1, 0, -1, 1, 2, -1, 0, -1])
    module = CPL(CPLConfig(backbone="small_conv", parts=2), facts=facts)
    return module, (views()[0], labels, torch.arange(8)), (views()[0],)


def supremix() -> Made:
    facts = RegressionFacts((5,), 100)
    module = SupReMix(SupReMixConfig(**{**SMALL, "backbone": "mlp"}), facts=facts)
    x = torch.rand(8, 5)
    return module, (x, 10 * torch.rand(8)), (x,)


def autotcl() -> Made:
    facts = SeriesFacts(channels=2, steps=32, num_sections=8)
    x = torch.randn(8, 32, 2)
    return AutoTCL(AutoTCLConfig(**SMALL_AUTOTCL), facts=facts), (x,), (x,)


def mclrec() -> Made:
    items = torch.randint(1, 21, (8, 6))
    lengths = torch.full((8,), 6)
    batch = items, lengths, LABELS + 1, torch.stack([items, items]), torch.stack([lengths, lengths])
    module = MCLRec(MCLRecConfig(dim=8, num_heads=2), facts=SequenceFacts(20, 6))
    return module, batch, (items, lengths)


def meow() -> Made:
    data = GraphData(GraphConfig(), seed=0)
    data.load()
    batch = next(iter(data.train_dataloader()))
    return MEOW(MEOWConfig(num_clusters=[3]), facts=data.facts), batch, (batch,)


def simcse() -> Made:
    encoder = EncoderConfig(dim=8, layers=1, heads=2, feed_forward=16, positions=32)
    module = SimCSE(SimCSEConfig(encoder=encoder), facts=TextFacts(num_words=200))
    ids, mask = torch.randint(4, 100, (8, 6)), torch.ones(8, 6, dtype=torch.int64)
    return module, {"input_ids": ids, "attention_mask": mask}, (ids, mask)


def defsent_plus() -> Made:
    encoder = EncoderConfig(dim=8, layers=1, heads=2, feed_forward=16, positions=32)
    facts = TextFacts(num_words=200, num_targets=3)
    module = DefSentPlus(DefSentPlusConfig(encoder=encoder), facts=facts)
    ids, mask = torch.randint(4, 100, (8, 6)), torch.ones(8, 6, dtype=torch.int64)
    batch = {"input_ids": ids, "attention_mask": mask, "labels": LABELS}
    return module, batch, (ids, mask)


def whitenedcse() -> Made:
    encoder = EncoderConfig(dim=8, layers=1, heads=2, feed_forward=16, positions=32)
    config = WhitenedCSEConfig(encoder=encoder, groups=4)
    _, batch, inputs = simcse()
    return WhitenedCSE(config, facts=TextFacts(num_words=200)), batch, inputs


def dse() -> Made:
    encoder = EncoderConfig(dim=8, layers=1, heads=2, feed_forward=16, positions=32)
    method = DSEConfig(encoder=encoder, num_top=1, teacher="ideal")
    module = DSE(method, facts=TextFacts(num_words=200, num_texts=2))
    ids, mask = torch.randint(4, 100, (8, 2, 6)), torch.ones(8, 2, 6, dtype=torch.int64)
    batch = {"input_ids": ids, "attention_mask": mask, "labels": LABELS % 2}
    return module, batch, (ids[:, 0], mask[:, 0])


def sepclr() -> Made:
    module = SepCLR(SepCLRConfig(backbone="small_conv"), facts=ImageFacts(num_classes=3))
    return module, (views(), LABELS), (views()[0],)


def cmim() -> Made:
    method = CMIMConfig(backbone="small_conv", code_dim=8, decoder_dims=[16])
    return CMIM(method, facts=ImageFacts(size=16)), (views()[:1], LABELS), (views()[0],)


def mcl() -> Made:
    return MCL(MCLConfig(**SMALL, stages=1)), (views(), LABELS), (views()[0],)


PAPERS = [
    swav,
    pixpro,
    amcl,
    *ON_MOCO,
    hydra,
    owdfa_cpl,
    supremix,
    autotcl,
    mclrec,
    meow,
    simcse,
    defsent_plus,
    whitenedcse,
    dse,
    negclip,
    clip_rocket,
    contrastive_gap,
    sepclr,
    sirl,
    mcl,
    cmim,
]
papers = pytest.mark.parametrize("make", PAPERS, ids=lambda make: make.__name__)
# What sentences log beside the loss; tests of the other papers' modules read theirs.
LOGGED = {
    simcse: {"train/contrast_loss", "diag/effective_rank"},
    whitenedcse: {"train/contrast_loss", "diag/effective_rank"},
    defsent_plus: {"train/entry_top1", "diag/effective_rank"},
    dse: {"train/distillation_loss", "diag/effective_rank"},
}


def loader(batch: Any) -> DataLoader:
    """Returns a loader that gives the one batch again and again, as a collate function would."""
    return DataLoader([batch] * 3, batch_size=None, collate_fn=lambda found: found)


class Endless(IterableDataset):
    def __init__(self, batch: Any) -> None:
        self.batch = batch

    def __iter__(self) -> Iterator[Any]:
        yield from repeat(self.batch)


def stock_trainer(folder: Any, **options: Any) -> Trainer:
    return Trainer(
        accelerator="cpu",
        logger=CSVLogger(folder),
        log_every_n_steps=1,
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )


@papers
def test_a_stock_trainers_checkpoint_is_all_it_takes_to_use_the_encoder(make, tmp_path):
    torch.manual_seed(0)
    module, batch, inputs = make()
    trainer = stock_trainer(tmp_path, max_epochs=1)
    trainer.fit(module, loader(batch))
    assert int(module.batches_seen) == 3
    with open(f"{trainer.log_dir}/metrics.csv") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 and all(row["train/loss"] for row in rows)
    assert LOGGED.get(make, set()) <= rows[-1].keys()

    loaded = type(module).load_from_checkpoint(trainer.checkpoint_callback.best_model_path)
    assert loaded.method == module.method and loaded.optimizer == module.optimizer
    with torch.no_grad():
        found = loaded.eval()(*inputs)
        assert torch.equal(found, module.eval().embed(*inputs))
        assert torch.equal(found, loaded(*inputs)), "evaluation draws nothing"


@papers
def test_what_is_no_batch_is_refused_by_what_is_expected(make):
    module, _, _ = make()
    if make is meow:
        pytest.skip("a graph is told by its reader")
    for batch in (torch.zeros(3), (torch.zeros(3), 1, 2), {"image": 1}, None):
        with pytest.raises((DataError, ConfigError), match="training_step takes"):
            module.training_step(batch, 0)


@pytest.mark.parametrize(
    "make", [make for make in PAPERS if make not in (autotcl, mclrec)], ids=lambda m: m.__name__
)
def test_a_plain_loop_needs_no_trainer(make):
    torch.manual_seed(0)
    module, batch, _ = make()
    if make is defsent_plus:
        module.estimate([batch])
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    for step in range(2):
        loss = module.training_step(batch, step)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.isfinite() and int(module.batches_seen) == 2


def test_modules_that_update_by_turns_do_so_with_optimizers_of_ones_own():
    torch.manual_seed(0)
    module, (x,), _ = autotcl()
    encoder, augmenter = module.configure_optimizers()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    module.update_augmenter(x, augmenter)
    module.update_encoder(as_series_batch(x), encoder)
    module.count_in_mean()
    moved = {name for name, value in module.state_dict().items() if not value.equal(before[name])}
    assert {name.partition(".")[0] for name in moved} == {
        *("encoder", "augmenter", "average", "batches_seen")
    }


@pytest.mark.parametrize("wrong", [1, 3])
def test_another_number_of_views_is_refused(wrong):
    module, (_, labels), _ = amcl()
    with pytest.raises(DataError, match="compares 2"):
        module.training_step(((views() * 2)[:wrong], labels), 0)


def test_views_alone_are_unlabelled_images():
    module, (both, _), _ = swav()
    assert module.training_step(both, 0).isfinite()


def test_a_schedule_has_the_length_of_a_stock_training(tmp_path):
    module, batch, _ = swav()
    module.optimizer.schedule = "cosine"
    trainer = stock_trainer(tmp_path, max_steps=5, max_epochs=100)
    trainer.fit(module, loader(batch))
    assert len(trainer.lr_scheduler_configs[0].scheduler.table) == 5


def test_an_epoch_without_end_is_never_followed_by_another(tmp_path):
    module, batch, _ = swav()
    module.method.queue_from_epoch = 1
    endless = DataLoader(Endless(batch), batch_size=None, collate_fn=lambda found: found)
    stock_trainer(tmp_path, max_steps=2).fit(module, endless)
    assert int(module.batches_seen) == 2 and not module.queue.any()


def test_a_training_without_end_has_no_schedule(tmp_path):
    module, batch, _ = swav()
    with pytest.raises(ConfigError, match="max_steps"):
        stock_trainer(tmp_path, max_epochs=-1).fit(module, loader(batch))


def test_a_second_fit_is_logged_too(tmp_path):
    module, batch, _ = swav()
    for name in ("first", "second"):
        trainer = stock_trainer(tmp_path / name, max_epochs=1)
        trainer.log_every_n_steps = 2
        trainer.fit(module, loader(batch))
        assert "train/loss" in open(f"{trainer.log_dir}/metrics.csv").read()
        module.training_step(batch, 0)  # outside of a fit nothing is logged, or refused


def test_arguments_replace_what_a_checkpoint_tells_and_stand_in_where_it_tells_nothing(tmp_path):
    module, batch, inputs = swav()
    trainer = stock_trainer(tmp_path, max_epochs=1)
    trainer.fit(module, loader(batch))
    path = tmp_path / "bare.ckpt"
    checkpoint = torch.load(trainer.checkpoint_callback.best_model_path, weights_only=True)
    del checkpoint["hyper_parameters"]
    torch.save(checkpoint, path)
    with pytest.raises(ConfigError, match="settings"):
        SwAV.load_from_checkpoint(path)
    loaded = SwAV.load_from_checkpoint(path, method=module.method)
    assert torch.equal(loaded.eval()(*inputs), module.eval()(*inputs))


def test_what_no_recipe_may_give_is_refused_in_python_too():
    for method, optimizer, message in (
        ({"temperature": 0.0}, {}, "^method.temperature=0.0: must be above 0"),
        ({"assignment": "sofd"}, {}, r"^method.assignment=.sofd.: .* did you mean 'soft'"),
        ({}, {"name": "sdg"}, r"^optimizer.name=.sdg.: .* did you mean 'sgd'"),
        ({}, {"lr": float("nan")}, r"^optimizer.lr=NaN: a finite number"),
        ({"temperature": "0.1"}, {}, r"^method.temperature=.0.1.: a number is needed, not a text"),
    ):
        with pytest.raises(ConfigError, match=message):
            SwAV(SwAVConfig(**SMALL, **method), OptimizerConfig(**optimizer))
    encoder = EncoderConfig(dropout=-1.0)
    with pytest.raises(ConfigError, match=r"^method.encoder.dropout=-1.0: must be at least 0"):
        SimCSE(SimCSEConfig(encoder=encoder))
    with pytest.raises(ConfigError, match=r"^method.backbone=5: unknown backbone"):
        SwAV(SwAVConfig(**{**SMALL, "backbone": 5}))
    own = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 32 * 32, 4))
    assert SwAV(SwAVConfig(backbone="of my own"), backbone=own).backbone is own


def test_a_checkpoint_of_another_paper_is_told(tmp_path):
    module, batch, _ = swav()
    trainer = stock_trainer(tmp_path, max_epochs=1)
    trainer.fit(module, loader(batch))
    path = trainer.checkpoint_callback.best_model_path
    with pytest.raises(ConfigError, match="its settings are not of AMCLConfig, but of another"):
        AMCL.load_from_checkpoint(path)
