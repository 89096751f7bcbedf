"""A linear regressor on frozen features."""

import torch
import torch.nn.functional as F
from torch import Tensor

from common.distributed.draws import keyed_generator
from common.evaluation.regression_config import RegressionProbeConfig
from common.evaluation.regression_inputs import ProbeSet, RegressionInputs
from common.evaluation.regression_metrics import regression_metrics, shot_metrics
from common.evaluation.scores import keep_rows
from common.evaluation.vectors import Vectors

# A stream of its own: far beyond any epoch, so that no draw of the training is repeated.
REGRESSION_STREAM = 2**44


def evaluate_regression_probe(
    inputs: RegressionInputs | Vectors, settings: RegressionProbeConfig, seed: int
) -> dict[str, float]:
    """Returns `regression_metrics` of the probe: ``mae``, ``rmse``, ``gm``, ``pearson``, ``r2``.

    Features are standardised. A module that predicts numbers itself has those measured too, as
    ``own_mae`` and so on; what has no features, as trees, has its own output measured in the
    probe's place. With ``shots``, `shot_metrics` beside them.

    Args:
        inputs: Samples and module, or vectors with numbers.
        settings: `RegressionProbeConfig`.
        seed: Seed of the order of batches (``adam``), and of trees.
    """
    inputs = inputs if isinstance(inputs, RegressionInputs) else RegressionInputs.of(inputs)
    own = inputs.own_output(seed)
    truth = inputs.parts["test"].targets.double()
    metrics = {}
    if own is not None and not inputs.trees:
        metrics = {f"own_{name}": value for name, value in regression_metrics(own, truth).items()}
    predicted = own if inputs.trees and own is not None else _probe(inputs, settings, seed)
    metrics |= regression_metrics(predicted, truth)
    keep_rows("mae", (predicted - truth).abs())
    if settings.shots:
        bounds = (settings.many_above, settings.few_below)
        metrics |= shot_metrics(predicted, truth, inputs.counted_labels(), *bounds)
    return metrics


def _probe(inputs: RegressionInputs, settings: RegressionProbeConfig, seed: int) -> Tensor:
    train, val, test = (inputs.probe_set(name) for name in ("train", "val", "test"))
    if settings.solver == "adam":
        return fit_adam(train, test.x, settings, seed)
    alpha = choose_penalty(train, val, settings.alphas)
    if inputs.parts["test"] is inputs.parts["val"]:  # the probe has not seen what it is measured on
        return fit_ridge(train, test.x, alpha)
    both = ProbeSet(torch.cat([train.x, val.x]), torch.cat([train.y, val.y]))
    return fit_ridge(both, test.x, alpha)


def choose_penalty(train: ProbeSet, val: ProbeSet, alphas: list[float]) -> float:
    """Returns the penalty with the least mean absolute error on ``val``; the first of equals."""
    errors = [(fit_ridge(train, val.x, alpha) - val.y).abs().mean() for alpha in alphas]
    return alphas[int(torch.stack(errors).argmin())]


def fit_ridge(train: ProbeSet, x: Tensor, alpha: float) -> Tensor:
    """Returns predictions for ``x`` of ridge regression on standardised features.

    ``min |y - X w - b|^2 + alpha |w|^2``, the intercept unpenalised; as scikit-learn's ``Ridge``.
    """
    fitted, asked = _standardised(train.x, x)
    centre = train.y.mean()
    penalty = alpha * torch.eye(fitted.shape[1], dtype=fitted.dtype)
    weight = torch.linalg.solve(fitted.T @ fitted + penalty, fitted.T @ (train.y - centre))
    return asked @ weight + centre


def fit_adam(train: ProbeSet, x: Tensor, settings: RegressionProbeConfig, seed: int) -> Tensor:
    """Returns predictions of a linear layer trained by Adam, as the published probes are.

    The rate falls by ten at each of ``milestones``. Unlike the published ones it starts from zero
    weights and the mean label, on standardised features: the scale of features is the encoder's.
    """
    fitted, asked = (part.float() for part in _standardised(train.x, x))
    y = train.y.float()
    weight = fitted.new_zeros(fitted.shape[1]).requires_grad_()
    bias = y.mean().clone().requires_grad_()
    loss_of = F.l1_loss if settings.loss == "l1" else F.mse_loss
    optimizer = torch.optim.Adam([weight, bias], lr=settings.lr)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, settings.milestones, 0.1)
    generator = keyed_generator(seed, REGRESSION_STREAM)
    with torch.enable_grad():
        for _ in range(settings.epochs):
            for rows in torch.randperm(len(y), generator=generator).split(settings.batch_size):
                optimizer.zero_grad()
                loss_of(fitted[rows] @ weight + bias, y[rows]).backward()
                optimizer.step()
            schedule.step()
    return (asked @ weight.detach() + bias.detach()).double()


def _standardised(train_x: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """Returns both with mean 0 and deviation 1 of ``train_x``; a constant feature becomes 0."""
    mean, std = train_x.mean(0), train_x.std(0, correction=0)
    scale = torch.where(std > 1e-8 * (1 + mean.abs()), std, torch.inf)
    return (train_x - mean) / scale, (x - mean) / scale
