"""A linear classifier on frozen features."""

import torch
import torch.nn.functional as F
from torch import Tensor

from common.distributed.draws import keyed_generator
from common.evaluation.accuracy import percent_equal
from common.evaluation.image_config import LinearProbeConfig
from common.evaluation.scores import keep, keep_rows
from common.evaluation.vectors import FeatureSet, HasFeatures

# A stream of its own: far beyond any epoch, so that no draw of the training is repeated.
PROBE_STREAM = 2**40


def evaluate_linear(
    inputs: HasFeatures, settings: LinearProbeConfig, seed: int
) -> dict[str, float]:
    """Accuracy of the last epoch in per cent, ``linear_top1``, and on the labelled features.

    ``linear_train_top1`` shows whether the probe was fitted at all. Features are standardised
    and not augmented: this is the fast probe, not the papers' ImageNet protocol.

    Args:
        inputs: Features and labels.
        settings: `LinearProbeConfig`.
        seed: Seed of the order of the batches.
    """
    features = inputs.features.standardised()
    weight, bias = fit_linear(features, settings, keyed_generator(seed, PROBE_STREAM))
    scores = F.linear(features.test_x, weight, bias)
    keep("linear", scores)
    tested = scores.argmax(1)
    keep_rows("linear_top1", 100.0 * (tested == features.test_y))
    fitted = F.linear(features.train_x, weight, bias).argmax(1)
    return {
        "linear_top1": percent_equal(tested, features.test_y),
        "linear_train_top1": percent_equal(fitted, features.train_y),
    }


def fit_linear(
    features: FeatureSet, settings: LinearProbeConfig, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Returns weight (num_classes, dim) and bias (num_classes,) of a softmax classifier.

    Adam on cross-entropy from zero, with the rate going to zero along a half cosine.
    """
    x, y = features.train_x.detach(), features.train_y
    num_classes = int(torch.maximum(y.max(), features.test_y.max())) + 1
    weight = x.new_zeros(num_classes, x.shape[1]).requires_grad_()
    bias = x.new_zeros(num_classes).requires_grad_()
    optimizer = torch.optim.Adam([weight, bias], lr=settings.lr)
    steps = settings.epochs * -(-len(x) // settings.batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(steps, 1))
    with torch.enable_grad():
        for _ in range(settings.epochs):
            order = torch.randperm(len(x), generator=generator).to(x.device)
            for rows in order.split(settings.batch_size):
                loss = F.cross_entropy(F.linear(x[rows], weight, bias), y[rows])
                loss = loss + settings.weight_decay / 2 * weight.square().sum()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
    return weight.detach(), bias.detach()
