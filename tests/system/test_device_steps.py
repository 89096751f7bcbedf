"""Training steps on a device that is not the CPU: all that would make a GPU wait is listed here.

A GPU runs behind the host. A look at a value, or a copy from memory that is not pinned, holds the
host until all that was queued is done. What is made on the wrong device ends the run.
"""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch
from lightning import Callback, LightningModule, Trainer, seed_everything
from torch import Tensor

from common.config.recipe import load_recipe
from common.paper import paper_names
from common.runs.progress import quieten_lightning
from common.steps.take import NEVER, as_taken
from common.training import trainer as training
from common.training.fit import Experiment, build_module, evaluate, load_data
from tests.fake_device import DEVICE, Device, DeviceStrategy, bare, device
from tests.recipes import BASELINES

BATCHES = 4
PAPERS = [f"{paper}/quick" for paper in paper_names()]
OTHERS = [pytest.param(name, marks=pytest.mark.slow) for name in BASELINES.values()]

# What a step may wait for. A reason stands for what the steps would need in order not to wait.
COUNTERS = "the number is known on the host too, but the state holds it and no copy is kept"
SMALL = "few numbers, drawn or written on the host: they are copied from memory that is not pinned"
SHOWN = "the last batch of an epoch is logged, and its metrics are shown"
LENGTH = "the labels of the batch tell how many rows there are, and the loss is over those alone"
ALLOWED = {
    "common/losses/spread.py effective_rank: look by _linalg_svd": SHOWN,
    "common/training/diagnostics.py log_embeddings: look by _local_scalar_dense": SHOWN,
    "backward pass or optimizer: look at a mask's length": LENGTH,
    "common/data/sequences/views.py choose_view: wait for a copy from the host": SMALL,
    "common/data/targets/regression/views.py _shift: wait for a copy from the host": SMALL,
    "common/data/targets/regression/views.py change_inputs: wait for a copy from the host": SMALL,
    "common/methods/masked_words.py forward: look at a mask's length": LENGTH,
    "common/methods/masked_words.py mask: look by _local_scalar_dense": COUNTERS,
    "common/methods/masked_words.py mask: wait for a copy from the host": SMALL,
    "papers/amcl/loss.py weigh: wait for a copy from the host": SMALL,
    "papers/autotcl/ts2vec.py _keep: wait for a copy from the host": SMALL,
    "papers/autotcl/ts2vec.py take: wait for places from the host": SMALL,
    "papers/defsent_plus/module.py as_definitions: look by _local_scalar_dense": (
        "a batch without entries is refused by its values, which any step may meet"
    ),
    "papers/feature_transformation/module.py draw_lam: wait for a copy from the host": SMALL,
    "papers/feature_transformation/module.py draw_mu: wait for a copy from the host": SMALL,
    "common/methods/momentum.py optimizer_step: look by _local_scalar_dense": COUNTERS,
    "papers/mclrec/backbone.py forward: look by a copy to the host": (
        "the longest sequence of a group says how wide it is encoded, which saves most of the work"
    ),
    "papers/mclrec/backbone.py forward: wait for a copy from the host": SMALL,
    "papers/owdfa_cpl/loss.py gumbel: wait for a copy from the host": SMALL,
    "papers/owdfa_cpl/network.py draw_partners: wait for a copy from the host": SMALL,
    "papers/owdfa_cpl/module.py supervised: look at a mask's length": LENGTH,
    "papers/owdfa_cpl/module.py training_step: look by _local_scalar_dense": COUNTERS,
    "papers/pixpro/geometry.py _diagonals: wait for a copy from the host": SMALL,
    "papers/pixpro/geometry.py cell_centres: wait for a copy from the host": SMALL,
    "papers/sepclr/loss.py step_losses: look at a mask's length": LENGTH,
    "papers/supremix/baselines.py mixed: look by _local_scalar_dense": COUNTERS,
    "papers/supremix/baselines.py mixed: look by a copy to the host": (
        "partners are drawn on the host, where a draw is the same on every device"
    ),
    "papers/supremix/baselines.py mixed: wait for a copy from the host": SMALL,
    "papers/supremix/baselines.py rank_n_contrast: look at a mask's length": LENGTH,
    "papers/supremix/loss.py _run: look by _local_scalar_dense": LENGTH,
    "papers/supremix/loss.py chunk_rows: look by _local_scalar_dense": LENGTH,
    "papers/supremix/module.py draw_shares: look by _local_scalar_dense": COUNTERS,
    "papers/supremix/module.py training_step: wait for a copy from the host": SMALL,
    "papers/swav/deepcluster.py training_step: wait for a copy from the host": SMALL,
}
# Whole files of MEOW: a step clusters all nodes anew, which ends when centroids stand still.
CLUSTERING = ("papers/meow/kmeans.py ", "papers/meow/loss.py ", "papers/meow/module.py check_")


class Watch(Callback):
    """Notes waits after the first batch, which may look at what the next ones know.

    The first batch's diagnostics are written, so that these run on the device, too.
    """

    def __init__(self, found: Device) -> None:
        self.found, self.seen = found, 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Lets the first batch be written."""
        trainer.log_every_n_steps = 1

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        """Watches from here to the end of the last batch."""
        self.seen += 1
        trainer.log_every_n_steps = NEVER
        self.found.watching = self.seen < BATCHES
        trainer.should_stop = self.seen == BATCHES


def train(reference: str, folder: Path, strategy: Any) -> tuple[Experiment, set[str]]:
    """Trains a few batches; returns what was trained, and a line for each wait or refusal."""
    quieten_lightning()
    recipe = as_taken(load_recipe(reference))
    seed_everything(recipe.seed, verbose=False)
    data = load_data(recipe)
    module = build_module(recipe, data)

    def on(**options: Any) -> Trainer:
        return Trainer(**{**options, "accelerator": "auto", "strategy": strategy})

    with device() as found, patch.object(training, "Trainer", on), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = training.make_trainer(recipe, module, [Watch(found)], folder)
        trainer.fit(module, datamodule=data)
    assert trainer.global_step
    return Experiment(recipe, data, module), found.found


def parameters(experiment: Experiment) -> Iterator[Tensor]:
    """Yields the parameters, on the CPU."""
    for parameter in experiment.module.parameters():
        yield bare(parameter.detach())


@pytest.mark.parametrize("reference", [*PAPERS, *OTHERS])
def test_a_step_waits_for_nothing_that_is_not_listed(reference: str, tmp_path: Path) -> None:
    _, found = train(reference, tmp_path, DeviceStrategy())
    unlisted = sorted(line for line in found - set(ALLOWED) if not line.startswith(CLUSTERING))
    assert not unlisted, "a GPU would wait here at every step, or refuse: mend it, or list it"


@pytest.mark.slow
@pytest.mark.parametrize("reference", PAPERS)
def test_protocols_stay_on_the_device(reference: str, tmp_path: Path) -> None:
    experiment, _ = train(reference, tmp_path, DeviceStrategy())
    recipe = experiment.recipe.evaluation
    with device() as found:
        evaluate(experiment, recipe.protocols, recipe.split)
    assert not found.found


@pytest.mark.slow
def test_a_place_that_is_listed_still_waits(tmp_path: Path) -> None:
    references = [*PAPERS, *BASELINES.values()]
    found = [train(reference, tmp_path, DeviceStrategy())[1] for reference in references]
    assert set(ALLOWED) <= set().union(*found)


def test_the_device_computes_what_the_cpu_computes(tmp_path: Path) -> None:
    there, _ = train("swav/quick", tmp_path, DeviceStrategy())
    here, _ = train("swav/quick", tmp_path, "auto")
    for found, expected in zip(parameters(there), parameters(here), strict=True):
        assert torch.equal(found, expected)


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (lambda z: z * z.detach().sum().item(), "look by _local_scalar_dense"),
        (lambda z: z[z.sum(1) > -9], "look at a mask's length"),
        (lambda z: z + torch.ones(z.shape[1], device=z.device).cpu().to(z), "look by a copy"),
        (lambda z: z * torch.tensor(1.0).to(z), "wait for a copy"),
        (lambda z: z[torch.arange(len(z))], "wait for places"),
        (lambda z: z + torch.zeros(z.shape[1]), "wrong device in add"),
        (lambda z: torch.stack([z.sum(), torch.tensor(0.0)]), "wrong device in stack"),
    ],
)
def test_a_mistake_is_found(mistake: Any, message: str) -> None:
    with device() as found:
        z = torch.ones(4, 3, device=DEVICE, requires_grad=True)
        found.watching = True
        mistake(z).sum().backward()
    assert any(message in line for line in found.found)
