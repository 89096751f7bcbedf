"""Two gloo processes under Lightning equal one process with the whole batch."""

import os
from typing import Any

import pytest
import torch
from lightning import Callback
from lightning.pytorch.plugins.environments import TorchElasticEnvironment
from lightning.pytorch.strategies import DDPStrategy

from common.config.schema import OptimizerConfig
from common.data.sequences.config import SequenceConfig
from common.data.sequences.module import SequenceData
from common.distributed.reduce import rank, world_size
from papers.mclrec import PAPER
from papers.mclrec.config import MCLRecConfig
from papers.mclrec.module import MCLRec
from tests.gloo import run_processes
from tests.training import quiet_trainer

VARIANTS: dict[str, dict[str, Any]] = {
    "code": {},
    "paper": {"scheme": "two-loop", "regulariser": "global", "directions": "sum"},
    "joint, shared augmenter": {"scheme": "joint", "shared_augmenter": True},
    "sasrec": {"scheme": "joint", "contrast_weight": 0.0, "augmented_weight": 0.0},
}
# A batch an epoch: two-loop turns to the other part with each.
EPOCHS = 3


class Recorder(Callback):
    """Keeps the gradients of each update and the loss of each batch."""

    def __init__(self) -> None:
        self.found: dict[str, torch.Tensor] = {}
        self.updates = 0

    def on_before_optimizer_step(self, trainer, module, optimizer) -> None:
        for name, parameter in module.named_parameters():
            if parameter.grad is not None:
                self.found[f"update {self.updates}: grad {name}"] = parameter.grad.clone()
        self.updates += 1

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx) -> None:
        self.found[f"batch {int(module.batches_seen)}: loss"] = trainer.callback_metrics[
            "train/loss"
        ].clone()

    def on_train_end(self, trainer, module) -> None:
        self.found |= {f"end: {name}": x.clone() for name, x in module.state_dict().items()}


def train(changes: dict[str, Any], strategy: Any = "auto") -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    config = SequenceConfig(num_users=40, batch_size=16, max_length=12)
    data = SequenceData(config, seed=0)
    data.load()
    weights = {"contrast_weight": 0.1, "augmented_weight": 0.3}
    method = MCLRecConfig(**({"dim": 8, "inner_dim": 16, "dropout": 0.0} | weights | changes))
    module = MCLRec(method, OptimizerConfig(name="adam", lr=0.01), data.facts)
    recorder = Recorder()
    trainer = quiet_trainer(
        devices=world_size(),
        strategy=strategy,
        precision="64-true",
        max_epochs=EPOCHS,
        limit_train_batches=1,
        callbacks=[recorder],
        log_every_n_steps=1,
        use_distributed_sampler=False,
    )
    trainer.fit(module, datamodule=data)
    assert module.batches_seen == EPOCHS
    return recorder.found


def train_own_share() -> dict[str, dict[str, torch.Tensor]]:
    size = str(world_size())
    os.environ |= {"RANK": str(rank()), "LOCAL_RANK": str(rank()), "GROUP_RANK": "0"}
    os.environ |= {"WORLD_SIZE": size, "LOCAL_WORLD_SIZE": size}
    os.environ |= {"MASTER_ADDR": "localhost", "MASTER_PORT": "0"}
    found = {}
    for name, changes in VARIANTS.items():
        strategy = DDPStrategy(
            process_group_backend="gloo",
            find_unused_parameters=PAPER.ddp_strategy == "ddp_find_unused_parameters_true",
            cluster_environment=TorchElasticEnvironment(),
        )
        # Lightning's teardown leaves a process group alone that it did not start.
        found[name] = train(changes, strategy)
    return found


@pytest.mark.distributed
def test_two_processes_equal_one_for_loss_gradients_and_state():
    processes = run_processes(train_own_share)
    for name, changes in VARIANTS.items():
        whole = train(changes)
        for share in processes:
            assert share[name].keys() == whole.keys()
            for key, value in whole.items():
                error = (share[name][key] - value).abs().max().item()
                assert error < 1e-9, (name, key, error)
