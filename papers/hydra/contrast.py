"""What SimLAP and momentum Hydra have in common: the filter, its numbers, and their checks."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from common.errors import DataError
from papers.hydra.config import PairConfig
from papers.hydra.gate import PairGate, SharedGate, class_gates
from papers.hydra.loss import gate_entropy, pair_contrast


def build_mlp(
    num_features: int, hidden_dim: int, output_dim: int, layers: int, last_norm: str
) -> nn.Sequential:
    """Returns linear layers without bias, batch norm and ReLU between them, and a last norm.

    The LayerNorm has weights of its own, the batch norm at the end has none (MoCo v3).
    """
    dims = [num_features, *[hidden_dim] * (layers - 1), output_dim]
    parts: list[nn.Module] = []
    for place, (before, after) in enumerate(pairwise(dims)):
        parts.append(nn.Linear(before, after, bias=False))
        if place < layers - 1:
            parts += [nn.BatchNorm1d(after), nn.ReLU(inplace=True)]
    if last_norm == "layer":
        parts.append(nn.LayerNorm(output_dim))
    elif last_norm == "batch":
        parts.append(nn.BatchNorm1d(output_dim, affine=False))
    return nn.Sequential(*parts)


def build_gate(config: PairConfig, num_classes: int) -> PairGate | SharedGate | None:
    """Returns the filter that ``config`` names; null is the open gate."""
    if config.gate == "open":
        return None
    if config.gate == "shared":
        return SharedGate(num_classes, config.output_dim)
    return PairGate(
        num_classes,
        config.output_dim,
        config.gate_embedding_dim,
        config.gate_hidden_dim,
        config.gate_fusion,
    )


def pair_gate(gate: nn.Module | None, labels: Tensor, partners: Tensor) -> Tensor | None:
    """Returns the gates of pairs, ``(batch, dim)``; null for the open gate.

    Call it once a direction, as hydra does: the gates are equal, but each call moves the running
    statistics of the filter's batch norms, which evaluation reads.
    """
    return None if gate is None else gate(labels, partners)


class PairContrast(nn.Module):
    """The contrast of pairs with its scale and its share of the whole space, learned or fixed.

    Args:
        config: The settings of either method.
    """

    log_scale: Tensor
    whole_space: Tensor

    def __init__(self, config: PairConfig) -> None:
        super().__init__()
        self.form, self.reduction = config.form, config.reduction
        self.has_whole_space = config.learn_whole_space or config.whole_space != 0
        scale = config.initial_scale or 1 / config.temperature
        _put(self, "log_scale", math.log(scale), config.learn_scale)
        _put(self, "whole_space", config.whole_space, config.learn_whole_space)

    def forward(
        self,
        q: Tensor,
        keys: Tensor,
        gate: Tensor | None,
        labels: Tensor,
        partners: Tensor,
        key_labels: Tensor,
    ) -> Tensor:
        """Returns `papers.hydra.loss.pair_contrast` with these numbers."""
        return pair_contrast(
            q,
            keys,
            gate,
            labels,
            partners,
            key_labels,
            self.log_scale.exp(),
            self.form,
            self.reduction,
            self.whole_space if self.has_whole_space else 0.0,
        )


def _put(module: nn.Module, name: str, value: float, learned: bool) -> None:
    tensor = torch.tensor(float(value))
    if learned:
        module.register_parameter(name, nn.Parameter(tensor))
    else:
        module.register_buffer(name, tensor)


def entropy_term(
    config: PairConfig, gate: nn.Module | None, pairs: Tensor | None, num_classes: int
) -> Tensor | float:
    """Returns ``entropy_weight`` times the gates' entropy, with gradient or without (hydra).

    Args:
        config: The settings of either method.
        gate: The filter.
        pairs: The gates of the batch's pairs, ``(pairs, dim)``.
        num_classes: Number of classes of the data.
    """
    if gate is None or pairs is None or config.entropy_weight == 0:
        return 0.0
    with torch.set_grad_enabled(torch.is_grad_enabled() and config.entropy_gradient):
        gates = pairs if config.entropy_of == "pairs" else class_gates(gate, num_classes)
        return config.entropy_weight * gate_entropy(gates)


def check_labels(labels: Tensor, position: int) -> None:
    """Raises `DataError` if an image of the batch has no label.

    On a GPU a look is a wait: there the first batch speaks for the others.
    """
    if position > 0 and labels.device.type != "cpu":
        return
    unlabelled = int((labels < 0).sum())
    if unlabelled:
        raise DataError(
            f"data.labelled_only: {unlabelled} of {len(labels)} images of a batch have no label; "
            "true leaves them out"
        )
