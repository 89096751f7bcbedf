"""Small trainings of each method, in every form whose update differs, for test_processes.py.

A builder trains each case on this process's share of each batch and returns what it found: losses,
gradients and state, in float64. A check beside it asserts that what the cases differ in took part.
"""

import os
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import torch
import torch.distributed as dist
from lightning import Callback, LightningModule
from lightning.pytorch.plugins.environments import TorchElasticEnvironment
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor
from torch.nn.utils import parameters_to_vector

from common.config.schema import OptimizerConfig
from common.data.graphs.config import GraphConfig
from common.data.graphs.module import GraphData
from common.data.images.batch import ViewBatch
from common.data.images.config import ImageConfig, ImageFacts, ViewConfig
from common.data.sampler import BatchKey, EpochBatchSampler
from common.data.sequences.config import SequenceConfig
from common.data.sequences.module import SequenceData
from common.data.series.batches import SeriesBatch
from common.data.series.config import SeriesFacts
from common.data.targets.open_world.batch import OpenWorldBatch, make_view
from common.data.targets.open_world.config import OpenWorldConfig, OpenWorldFacts
from common.data.targets.open_world.module import SplitBatches, alternating_order
from common.data.targets.open_world.samples import LABELLED, UNLABELLED, Part
from common.data.targets.regression.config import RegressionConfig, RegressionFacts
from common.data.targets.regression.views import RegressionBatch, change_inputs
from common.distributed.collectives import all_reduce_sum, rank, world_size
from common.evaluation.regression_inputs import Samples
from common.methods.barlow_twins import BarlowTwins
from common.methods.config import (
    BarlowTwinsConfig,
    MoCoConfig,
    SimCLRConfig,
    SimSiamConfig,
    SupConConfig,
)
from common.methods.moco import MoCo
from common.methods.simclr import SimCLR
from common.methods.simsiam import SimSiam
from common.methods.supcon import SupCon
from papers.amcl.config import BASES, AMCLConfig
from papers.amcl.module import AMCL
from papers.autotcl.averaging import update_mean
from papers.autotcl.config import AutoTCLConfig
from papers.autotcl.module import AutoTCL
from papers.cmim.config import CMIMConfig
from papers.cmim.module import CMIM
from papers.feature_transformation.config import GRANULARITIES, FeatureTransformationConfig
from papers.feature_transformation.module import FeatureTransformation
from papers.hard_contrastive.config import HardContrastiveConfig
from papers.hard_contrastive.module import HardContrastive
from papers.hydra.config import HydraConfig, SimLAPConfig
from papers.hydra.module import SimLAP
from papers.hydra.momentum import Hydra
from papers.mcl.config import MCLConfig
from papers.mcl.grouping import grouped_order
from papers.mcl.module import MCL
from papers.mclrec import PAPER as MCLREC
from papers.mclrec.config import MCLRecConfig
from papers.mclrec.module import MCLRec
from papers.meow.config import MEOWConfig
from papers.meow.module import MEOW
from papers.mochi.config import MoCHiConfig
from papers.mochi.module import MoCHi
from papers.owdfa_cpl.baselines import ORCA, RankStats
from papers.owdfa_cpl.config import CPLConfig, ORCAConfig, RankStatsConfig
from papers.owdfa_cpl.module import CPL
from papers.pixpro.config import PixProConfig
from papers.pixpro.module import PixPro
from papers.sepclr.config import SepCLRConfig
from papers.sepclr.module import SepCLR
from papers.sirl.baselines import VAE, MultiPreferences
from papers.sirl.batch import PreferenceBatch, QueryBatch, RowBatch
from papers.sirl.config import MultiPreferencesConfig, SIRLConfig, VAEConfig
from papers.sirl.data_config import TrajectoryFacts
from papers.sirl.module import SIRL
from papers.supremix.baselines import RankNContrast, Regressor
from papers.supremix.config import RankNContrastConfig, RegressorConfig, SupReMixConfig
from papers.supremix.module import SupReMix
from papers.swav.config import DeepClusterConfig, SwAVConfig
from papers.swav.deepcluster import DeepClusterV2
from papers.swav.module import SwAV
from tests.samples import SMALL_AUTOTCL, SMALL_HYDRA
from tests.training import quiet_trainer, train_as_ddp, view_batches

Found = dict[str, Tensor]
SEED = 3
# One channel, which most image methods below take.
GREY = ImageFacts(channels=1)
HEAD = {"backbone": "small_conv", "hidden_dim": 16, "output_dim": 8}
QUEUE = {"queue_length": 64, "momentum": 0.9}


def rates(lr: float, name: str = "sgd", **others: Any) -> OptimizerConfig:
    return OptimizerConfig(name=name, lr=lr, **others)


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(SEED)


def shares(rows: int, batch: int, **options: Any) -> EpochBatchSampler:
    """Yields the keys of this process's share of each batch of an epoch."""
    return EpochBatchSampler(rows, batch, SEED, rank(), world_size(), **options)


def build(kind: Any, *parts: Any) -> LightningModule:
    torch.manual_seed(SEED)
    return kind(*parts).double()


def in_trainer(module: LightningModule, **trainer: Any) -> LightningModule:
    """Gives the module what it asks its trainer for, and begins its training."""
    module._trainer = SimpleNamespace(**trainer)
    module.on_train_start()
    return module


def on_device(batch: Any, device: Any) -> Any:
    return batch


def pairs_of_views(
    batch: int = 16,
    steps: int = 3,
    size: int = 12,
    labels: Tensor | None = None,
    views: list[ViewConfig] | None = None,
) -> list[ViewBatch]:
    """Returns this process's share of grey images, with two noisy views where none are given."""
    images = torch.rand(batch * steps, 1, size, size, generator=seeded())
    views = views or [ViewConfig(count=2, size=size, noise=0.05)]
    return view_batches(images, ImageConfig(batch_size=batch, views=views), SEED, labels)


def methods() -> list[Found]:
    """The shared methods; a shuffled queue's running statistics are each process's own."""
    cases = [
        (SimCLR, SimCLRConfig(**HEAD)),
        (SimSiam, SimSiamConfig(**HEAD, predictor_dim=4)),
        (BarlowTwins, BarlowTwinsConfig(**HEAD)),
        (MoCo, MoCoConfig(**HEAD, **QUEUE, batch_norm_groups=1, symmetric=True)),
        (MoCo, MoCoConfig(**HEAD, **QUEUE, batch_norm_groups=4)),
    ]
    *found, shuffled = on_views(cases)
    kept = {k: x for k, x in shuffled.items() if "running" not in k and "tracked" not in k}
    labels = torch.arange(48).square() % 7
    facts = ImageFacts(channels=1, num_classes=7, num_samples=48)
    for pairs in ("identical", "arbitrary"):
        module = build(SupCon, SupConConfig(**HEAD, pairs=pairs), OptimizerConfig(lr=0.05), facts)
        found.append(train_as_ddp(module, pairs_of_views(labels=labels)))
    return [*found, kept]


def on_views(cases: Iterable[tuple[Any, Any]], lr: float = 0.05) -> list[Found]:
    optimizer = OptimizerConfig(lr=lr)
    return [
        train_as_ddp(build(kind, method, optimizer, GREY), pairs_of_views())
        for kind, method in cases
    ]


def papers_on_moco(*cases: tuple[Any, Any, dict[str, Any]]) -> list[Found]:
    shared = {**HEAD, **QUEUE, "batch_norm_groups": 1, "symmetric": True}
    return on_views((kind, config(**shared, **options)) for kind, config, options in cases)


def hard_contrastive() -> list[Found]:
    return papers_on_moco(
        (HardContrastive, HardContrastiveConfig, {"hard_share": 0.2}),
        (HardContrastive, HardContrastiveConfig, {"hard_share": 0.2, "loss": "simple"}),
    )


def mochi() -> list[Found]:
    mixtures = {"num_hard": 16, "num_key_mixtures": 4, "num_query_mixtures": 3}
    return papers_on_moco((MoCHi, MoCHiConfig, {**mixtures, "warmup_epochs": 0}))


def feature_transformation() -> list[Found]:
    kinds = (FeatureTransformation, FeatureTransformationConfig)
    return papers_on_moco(*((*kinds, {"granularity": one}) for one in GRANULARITIES))


def amcl() -> list[Found]:
    # A floor far below would only magnify, by 1 / tau, the rounding that is compared.
    small = {"num_heads": 2, "temperature_hidden_dim": 4, "temperature_min": 0.1, "beta": 0.01}
    start = {"top_k": 5, "channel_batch": 16, "temperature_init_scale": 0.5}
    bases = {"predictor_dim": 4, "queue_length": 64}
    cases = [(AMCL, AMCLConfig(base=base, **HEAD, **small, **start, **bases)) for base in BASES]
    return on_views(cases, lr=0.02)


def amcl_took_part(found: list[Found]) -> None:
    assert all(any(name.startswith("2.grad.phi") for name in whole) for whole in found)


def multi_crop() -> list[ViewBatch]:
    views = [ViewConfig(count=2, size=12, noise=0.05), ViewConfig(count=2, size=8, area=[0.2, 0.5])]
    return pairs_of_views(steps=4, views=views)


def swav() -> list[Found]:
    found = []
    for optimizer, queue in (("larc", 0), ("larc", 1), ("sgd", 2)):
        codes = {"num_prototypes": 10, "queue_length": queue * 16, "queue_from_epoch": 0}
        method = SwAVConfig(**HEAD, **codes, freeze_batches=1)
        module = build(SwAV, method, rates(0.05, optimizer, weight_decay=1e-4), GREY)
        module._trainer = SimpleNamespace(num_training_batches=4)
        found.append(train_as_ddp(module, multi_crop()))
    return found


def swav_took_part(found: list[Found]) -> None:
    assert all(any(name.startswith("3.grad.prototypes") for name in whole) for whole in found)
    assert not torch.equal(found[0]["loss3"], found[1]["loss3"]), "a queue changes the codes"


def deepcluster() -> list[Found]:
    """Two epochs: the second one clusters what the first one left in memory."""
    method = DeepClusterConfig(**HEAD, num_prototypes=[10, 7, 5])
    batches = multi_crop()
    facts = ImageFacts(channels=1, num_samples=64)
    module = in_trainer(
        build(DeepClusterV2, method, rates(0.05, "larc"), facts),
        train_dataloader=batches,
        strategy=SimpleNamespace(batch_to_device=on_device),
    )
    epochs = [b._replace(key=b.key._replace(epoch=epoch)) for epoch in range(2) for b in batches]
    return [train_as_ddp(module, epochs)]


def deepcluster_took_part(found: list[Found]) -> None:
    assert (found[0]["state.targets"] >= 0).all()


def pixpro() -> list[Found]:
    # Small crops: some pairs do not meet, so that the processes' counts of pairs differ.
    views = [ViewConfig(count=2, size=16, area=[0.1, 0.5], noise=0.05)]
    images = torch.rand(32, 3, 20, 26, generator=seeded())
    found = []
    for options in (
        {"instance_weight": 1.0, "transform_layers": 2},
        {"averaging": "pairs"},
        {"pixel_loss": "contrast", "propagation": False},
        {"pixel_loss": "none", "instance_weight": 1.0, "instance_loss": "contrast"},
    ):
        optimizer = rates(1.0, "lars", weight_decay=1e-4, exclude_1d=True)
        module = build(PixPro, PixProConfig(**HEAD, momentum=0.8, **options), optimizer)
        in_trainer(module, estimated_stepping_batches=4)
        config = ImageConfig(batch_size=8, views=views)
        found.append(train_as_ddp(module, view_batches(images, config, SEED)))
    return found


def pixpro_took_part(found: list[Found]) -> None:
    assert int(found[0]["state.updates"]) == 4
    name = "projector.0.weight"
    assert not torch.equal(found[0][f"state.momentum_networks.{name}"], found[0][f"state.{name}"])


def hydra() -> list[Found]:
    # Unlike numbers of each class, so that the processes have unlike numbers of positives.
    labels = torch.arange(48).square() % 7
    facts = ImageFacts(channels=1, size=12, num_classes=7, num_samples=48)
    pooled = {"contrast": "pooled", "online_head": True, "form": "B"}
    found = []
    for kind, method, views in (
        (SimLAP, SimLAPConfig(**SMALL_HYDRA, learn_scale=True), 2),
        (SimLAP, SimLAPConfig(**SMALL_HYDRA, **pooled), 1),
        (SimLAP, SimLAPConfig(**SMALL_HYDRA, pairs="distinct", reduction="macro"), 2),
        (Hydra, HydraConfig(**SMALL_HYDRA, entropy_weight=0.1, momentum=0.8), 2),
    ):
        module = build(kind, method, OptimizerConfig(lr=0.05), facts)
        in_trainer(module, estimated_stepping_batches=3)
        made = [ViewConfig(count=views, size=12, noise=0.05)]
        found.append(train_as_ddp(module, pairs_of_views(labels=labels, views=made)))
    return found


def hydra_took_part(found: list[Found]) -> None:
    assert all(len(whole) > 40 for whole in found)


def sepclr() -> list[Found]:
    # The shares of a batch hold unequal numbers of targets, and some hold none.
    labels = (torch.arange(32) % 5 == 0).long()
    small = {"backbone": "mlp", "common_dim": 3, "salient_dim": 2, "hidden_dim": 8}
    found = []
    for options in ({}, {"salient_weight": 1, "null_weight": 10}, {"joint_weight": 0}):
        method = SepCLRConfig(**small, **options)
        module = build(SepCLR, method, rates(1e-5), ImageFacts(1, 6, 2))
        found.append(train_as_ddp(module, pairs_of_views(8, 4, 6, labels)))
    return found


def cmim() -> list[Found]:
    views, found = [ViewConfig(size=6, noise=0.05)], []
    for options in (
        {"backbone": "mlp"},
        {"encoder_dims": [7], "contrast": "sum", "likelihood": "gaussian"},
        {"encoder_dims": [7], "contrast": "none", "density": "vae", "density_weight": 0.5},
        {"encoder_dims": [7], "contrast": "none", "density": "none", "sampled": False},
        {"contrast": "two-samples", "density": "none", "reconstruction_weight": 0},
    ):
        method = CMIMConfig(**{"backbone": "mlp", "code_dim": 3, "decoder_dims": [8], **options})
        module = build(CMIM, method, rates(1e-2), ImageFacts(1, 6, 2))
        found.append(train_as_ddp(module, pairs_of_views(8, 4, 6, views=views)))
    return found


def mcl() -> list[Found]:
    """Both stages, in each form of the second, with the clusters and the order that it has."""
    images = torch.rand(48, 1, 6, 6, generator=seeded())
    data = ImageConfig(batch_size=8, views=[ViewConfig(count=2, size=6, noise=0.05)])
    small = {"backbone": "mlp", "hidden_dim": 8, "output_dim": 4, "stages": 2, "num_clusters": 2}
    all_found = []
    for options in ({}, {"batches": "mixed"}, {"negatives": "random"}):
        module = build(MCL, MCLConfig(**small, **options), rates(0.01), ImageFacts(1, 6, 2, 48))
        module.begin_stage(0)
        train_as_ddp(module, view_batches(images, data, SEED))
        module.regroup(1, images.double().split(8))
        module.begun.fill_(2)
        found = train_as_ddp(module, view_batches(images, data, SEED + 1))
        all_found.append(found | {"order": grouped_order(module.groups, 8, 4, seeded())})
    return all_found


def mcl_took_part(found: list[Found]) -> None:
    assert len(found[0]["state.groups"].unique()) == 2


def sirl() -> list[Found]:
    rows = torch.randn(3, 32, 5, generator=seeded())
    labels, asked = torch.arange(32) % 2, torch.arange(32) % 3
    small = {"hidden_dims": [8], "output_dim": 3}

    def batches(kind: Any, *parts: Tensor) -> list[Any]:
        return [kind(*(part[key.rows] for part in parts), key) for key in shares(32, 8)]

    first, second, odd = rows.double()
    queries = batches(QueryBatch, first, second, odd)
    heads = MultiPreferencesConfig(**small, head_dims=[4])
    asked_batches = batches(PreferenceBatch, first, second, labels, asked)
    return [
        train_as_ddp(build(kind, method, rates(0.01), TrajectoryFacts(5, 3)), given)
        for kind, method, given in (
            (SIRL, SIRLConfig(**small), queries),
            (SIRL, SIRLConfig(**small, distance="squared", symmetric=False), queries),
            (VAE, VAEConfig(**small), batches(RowBatch, first)),
            (MultiPreferences, heads, asked_batches),
        )
    ]


def supremix() -> list[Found]:
    """One view with rounded labels: some anchors have no positive, unlike many on each process."""
    generator = seeded()
    inputs = torch.randn(36, 5, generator=generator, dtype=torch.float64)
    pool = Samples(inputs, torch.randint(0, 15, (36,), generator=generator).double())
    facts = RegressionFacts((5,), 36, 7.0, 4.0, 14.0)
    small = {"backbone": "mlp", "hidden_dim": 16, "output_dim": 8, "window": 4.0}
    found = []
    for kind, method, views in (
        (SupReMix, SupReMixConfig(**small), 2),
        (SupReMix, SupReMixConfig(**small, label_step=4.0, mix_neg=False), 1),
        (SupReMix, SupReMixConfig(**small, mix_pos=False), 2),
        (SupReMix, SupReMixConfig(**small, mix_neg=False, mix_pos=False), 2),
        (Regressor, RegressorConfig(backbone="mlp"), 2),
        (Regressor, RegressorConfig(backbone="mlp", loss="mse", mixup=True), 2),
        (RankNContrast, RankNContrastConfig(backbone="mlp"), 2),
    ):
        config = RegressionConfig(batch_size=12, num_views=views, noise=0.1, swap=0.1)
        plain = [
            RegressionBatch(pool.inputs[key.rows], pool.targets[key.rows], key)
            for key in shares(36, 12)
        ]
        batches = [change_inputs(batch, config, pool, SEED) for batch in plain]
        found.append(train_as_ddp(build(kind, method, rates(1e-3, "adam"), facts), batches))
    return found


def supremix_took_part(found: list[Found]) -> None:
    both, _, without_positives, plain, *_ = found
    losses = {float(whole["loss0"]) for whole in (both, without_positives, plain)}
    assert len(losses) == 3, "mixtures take part"


def owdfa_cpl() -> list[Found]:
    inputs = torch.rand(36, 3, 16, 16, generator=seeded(), dtype=torch.float64)
    classes = torch.arange(36) % 5
    part = Part(inputs, classes, torch.where(classes < 3, LABELLED, UNLABELLED))
    facts = OpenWorldFacts(3, 16, 5, 3, 36, int((part.tags == UNLABELLED).sum()))
    shared = {"backbone": "forensic_conv", "dropout": 0.0}

    def order(generator: torch.Generator) -> Tensor:
        return alternating_order(part.labels, part.tags == LABELLED, generator)

    def two_epochs() -> Iterable[OpenWorldBatch]:
        config = OpenWorldConfig(batch_size=12, crop=0.3, recolour=0.5)
        sampler = shares(36, 12, order=order)
        for epoch in range(2):
            sampler.set_epoch(epoch)
            yield from (make_view(SplitBatches(part)[key], config, SEED) for key in sampler)

    flex = {"pseudo_labels": "flex", "cutoff": 0.2, "relabel_epochs": 1}
    return [
        train_as_ddp(build(kind, method, rates(1e-3, "adam"), facts), two_epochs())
        for kind, method in (
            (CPL, CPLConfig(**shared, parts=2)),
            (CPL, CPLConfig(**shared, parts=1, **flex)),
            (CPL, CPLConfig(**shared, parts=2, pseudo_labels="free", pretrain_epochs=1)),
            (ORCA, ORCAConfig(**shared)),
            (RankStats, RankStatsConfig(**shared)),
        )
    ]


class Averaged:
    """An optimizer before whose step gradients are averaged, as DDP does."""

    def __init__(self, optimizer: torch.optim.Optimizer, seen: Found) -> None:
        self.optimizer, self.seen = optimizer, seen

    def step(self) -> None:
        for group in self.optimizer.param_groups:
            for weight in group["params"]:
                weight.grad = all_reduce_sum(weight.grad) / world_size()
                self.seen[f"gradient {len(self.seen)}"] = weight.grad.clone()
        self.optimizer.step()


def autotcl() -> list[Found]:
    """Encoder and augmenter take turns, each with its own optimizer."""
    pool = torch.randn(18, 24, 2, generator=seeded(), dtype=torch.float64)
    small = {**SMALL_AUTOTCL, "mask_weight": 0.5, "consistency_weight": 0.2}
    all_found = []
    for options in (
        {},
        {"local_series": "all", "hard_gate": False, "mmd_features": "output"},
        {"objective": "adversarial", "step_mask": "binomial", "augmenter_step_mask": "continuous"},
        {"view": "jitter"},
        {"view": "step-mask"},
    ):
        method = AutoTCLConfig(**{**small, **options})
        module = build(AutoTCL, method, rates(1e-2, "adamw", weight_decay=0.01), SeriesFacts(2))
        found: Found = {}
        encoder, augmenter = (Averaged(one, found) for one in module.configure_optimizers())
        for step, key in enumerate(shares(18, 6)):
            x = pool[key.rows]
            if method.view == "learned":
                module.update_augmenter(x, augmenter)
            loss = module.update_encoder(SeriesBatch(x, x[..., 0] * 0 + 1, key), encoder)
            found[f"loss {step}"] = all_reduce_sum(loss) / world_size()
            update_mean(module.average, module.encoder, step + 1)
            module.batches_seen += 1
        all_found.append(found | {f"state {k}": x for k, x in module.state_dict().items()})
    return all_found


def meow() -> list[Found]:
    """Sampled training, of both models."""
    data = GraphData(GraphConfig(batch_size=64), seed=0)
    batches, share = data.sampled_batches(torch.float64), 64 // world_size()
    order = torch.randperm(800, generator=torch.Generator().manual_seed(1))
    small = {"num_clusters": [3, 9], "dim": 8, "dropout": 0.0, "prototype_weight": 0.1}
    all_found = []
    for model in ("meow", "adameow"):
        module = build(MEOW, MEOWConfig(**small, model=model), None, data.facts)
        module.log = lambda *args, **kwargs: None
        optimizer, found = torch.optim.SGD(module.parameters(), lr=0.1), {}
        for step in range(3):
            offset = rank() * share
            rows = order[step * 64 :][offset : offset + share]
            optimizer.zero_grad()
            loss = module.training_step(batches[BatchKey(rows, 0, step, offset, 64)], step)
            loss.backward()
            for parameter in module.parameters():
                parameter.grad = all_reduce_sum(parameter.grad) / world_size()
            found[f"{step}.loss"] = loss.detach()
            found[f"{step}.gradient"] = parameters_to_vector(p.grad for p in module.parameters())
            optimizer.step()
        all_found.append(found | {f"state {k}": x for k, x in module.state_dict().items()})
    return all_found


class Recorder(Callback):
    """Keeps the gradients of each update and the loss of each batch."""

    def __init__(self) -> None:
        self.found: Found = {}
        self.updates = 0

    def on_before_optimizer_step(self, trainer, module, optimizer) -> None:
        for name, parameter in module.named_parameters():
            if parameter.grad is not None:
                self.found[f"update {self.updates}: grad {name}"] = parameter.grad.clone()
        self.updates += 1

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx) -> None:
        loss = trainer.callback_metrics["train/loss"]
        self.found[f"batch {int(module.batches_seen)}: loss"] = loss.clone()

    def on_train_end(self, trainer, module) -> None:
        self.found |= {f"end: {name}": x.clone() for name, x in module.state_dict().items()}


def mclrec() -> list[Found]:
    """Under Lightning's own DDP; a batch an epoch: with each, two-loop turns to the other part."""
    weights = {"contrast_weight": 0.1, "augmented_weight": 0.3}
    found = []
    for options in (
        {},
        {"scheme": "two-loop", "regulariser": "global", "directions": "sum"},
        {"scheme": "joint", "shared_augmenter": True},
        {"scheme": "joint", "contrast_weight": 0.0, "augmented_weight": 0.0},
    ):
        torch.manual_seed(0)
        data = SequenceData(SequenceConfig(num_users=40, batch_size=16, max_length=12), seed=0)
        data.load()
        method = MCLRecConfig(**({"dim": 8, "inner_dim": 16, "dropout": 0.0} | weights | options))
        module, recorder = MCLRec(method, rates(0.01, "adam"), data.facts), Recorder()
        trainer = quiet_trainer(
            devices=world_size(),
            strategy=ddp_strategy() if dist.is_initialized() else "auto",
            precision="64-true",
            max_epochs=3,
            limit_train_batches=1,
            callbacks=[recorder],
            log_every_n_steps=1,
            use_distributed_sampler=False,
        )
        trainer.fit(module, datamodule=data)
        assert module.batches_seen == 3
        found.append(recorder.found)
    return found


def ddp_strategy() -> DDPStrategy:
    """Lightning's teardown leaves a process group alone that it did not start."""
    size = str(world_size())
    os.environ |= {"RANK": str(rank()), "LOCAL_RANK": str(rank()), "GROUP_RANK": "0"}
    os.environ |= {"WORLD_SIZE": size, "LOCAL_WORLD_SIZE": size}
    os.environ |= {"MASTER_ADDR": "localhost", "MASTER_PORT": "0"}
    return DDPStrategy(
        process_group_backend="gloo",
        find_unused_parameters=MCLREC.ddp_strategy == "ddp_find_unused_parameters_true",
        cluster_environment=TorchElasticEnvironment(),
    )


Builder = Callable[[], list[Found]]
BUILDERS: dict[str, Builder] = {
    "methods": methods,
    "amcl": amcl,
    "autotcl": autotcl,
    "cmim": cmim,
    "deepcluster": deepcluster,
    "feature_transformation": feature_transformation,
    "hard_contrastive": hard_contrastive,
    "hydra": hydra,
    "mcl": mcl,
    "mclrec": mclrec,
    "meow": meow,
    "mochi": mochi,
    "owdfa_cpl": owdfa_cpl,
    "pixpro": pixpro,
    "sepclr": sepclr,
    "sirl": sirl,
    "supremix": supremix,
    "swav": swav,
}
CHECKS: dict[str, Callable[[list[Found]], None]] = {
    "amcl": amcl_took_part,
    "deepcluster": deepcluster_took_part,
    "hydra": hydra_took_part,
    "mcl": mcl_took_part,
    "pixpro": pixpro_took_part,
    "supremix": supremix_took_part,
    "swav": swav_took_part,
}
