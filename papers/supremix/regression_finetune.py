"""The second stage by fine-tuning: all weights and a new linear layer, trained on the labels."""

from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.backbones.modes import evaluating, training
from common.distributed.batch_norm import LocalBatchNorm, convert_batch_norm
from common.distributed.draws import keyed_generator
from common.evaluation.progress import show_progress
from common.evaluation.regression_inputs import CHUNK, RegressionInputs
from common.evaluation.regression_metrics import regression_metrics
from common.losses.precision import upcast
from papers.supremix.config import RegressionFinetuneConfig

# A stream of its own: far beyond any epoch, so that no draw of the training is repeated.
FINETUNE_STREAM = 2**46


@torch.no_grad()
def evaluate_regression_finetune(
    inputs: RegressionInputs, settings: RegressionFinetuneConfig, seed: int
) -> dict[str, float]:
    """Returns `regression_metrics` of the last epoch as ``finetune_mae`` and so on.

    A copy of the module is trained on the training samples, without views, by Adam with a half
    cosine. What has no module is left out.

    Args:
        inputs: Samples and module.
        settings: `RegressionFinetuneConfig`.
        seed: Seed of the new layer and the order of the batches.
    """
    if inputs.module is None:
        return {}
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # the new layer, and dropout, draw from the global generator
        network = _Regressor(inputs)
        with training(network):
            _train(network, inputs, settings, seed)
    chunks = inputs.parts["test"].inputs.split(CHUNK)
    with evaluating(network):
        predicted = torch.cat(
            [network(inputs.prepare(part.to(network.device))).cpu() for part in chunks]
        )
    found = regression_metrics(predicted, inputs.parts["test"].targets)
    return {f"finetune_{name}": value for name, value in found.items()}


def _train(
    network: "_Regressor", inputs: RegressionInputs, settings: RegressionFinetuneConfig, seed: int
) -> None:
    train = inputs.parts["train"]
    num, size = len(train.targets), min(settings.batch_size, len(train.targets))
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.lr)
    steps = settings.epochs * (num // size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    loss_of = F.l1_loss if settings.loss == "l1" else F.mse_loss
    generator = keyed_generator(seed, FINETUNE_STREAM)
    with show_progress("regression-finetune", steps) as advance, torch.enable_grad():
        for epoch in range(settings.epochs):
            order = torch.randperm(num, generator=generator)
            for rows in order[: num // size * size].split(size):
                optimizer.zero_grad()
                x, y = (part[rows].to(network.device) for part in (train.inputs, train.targets))
                loss_of(network(inputs.prepare(x)), y).backward()
                optimizer.step()
                schedule.step()
                advance(1, f"epoch {epoch + 1}/{settings.epochs}")


class _Regressor(nn.Module):
    """A copy of the module with a linear layer on its embedding.

    The layer starts at the mean label and its output is in units of the labels' deviation: labels
    of any scale are learnt at one rate.
    """

    def __init__(self, inputs: RegressionInputs) -> None:
        super().__init__()
        assert inputs.module is not None
        self.device = next(inputs.module.parameters()).device
        self.trunk = convert_batch_norm(deepcopy(inputs.module), LocalBatchNorm)
        self.trunk.requires_grad_(True)
        head = nn.Linear(inputs.features("train").shape[1], 1)
        self.head = head.to(upcast(next(self.trunk.parameters())))
        labels = inputs.parts["train"].targets
        self.mean, self.std = float(labels.mean()), float(labels.std(correction=0))

    def forward(self, x: Tensor) -> Tensor:
        """Returns numbers ``(batch,)`` in label units."""
        h = upcast(self.trunk.embed(x))  # type: ignore[operator]
        return self.head(h)[:, 0] * self.std + self.mean
