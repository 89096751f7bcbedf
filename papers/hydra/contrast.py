"""What SimLAP and momentum Hydra have in common: the filter, the contrast, and what they log."""

import math

import torch
from lightning import LightningModule
from torch import Tensor, nn

from common.distributed.collectives import gather
from common.losses.precision import unit
from common.losses.spread import effective_rank
from common.losses.supcon import count_label
from common.methods.heads import mlp
from common.training.diagnostics import CollapseWarning, embedding_std
from papers.hydra.config import PairConfig
from papers.hydra.gate import PairGate, SharedGate, class_gates
from papers.hydra.loss import activation, gate_entropy, pair_contrast

ADVICE = (
    "Try a larger data.batch_size, method.pairs=arbitrary, a higher method.temperature or a lower "
    "optimizer.lr"
)


def build_mlp(
    num_features: int, hidden_dim: int, output_dim: int, layers: int, last_norm: str
) -> nn.Sequential:
    """Returns linear layers without bias, batch norm and ReLU between them, and a last norm.

    The LayerNorm has weights of its own, the batch norm at the end has none (MoCo v3).
    """
    dims = [num_features, *[hidden_dim] * (layers - 1), output_dim]
    found = mlp(dims, last_norm=last_norm == "batch", bias=False)
    return found.append(nn.LayerNorm(output_dim)) if last_norm == "layer" else found


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


def log_pairs(
    module: LightningModule,
    collapse: CollapseWarning,
    z: Tensor,
    gate: Tensor | None,
    labels: Tensor,
    partners: Tensor,
) -> None:
    """Logs what the last batch showed, and warns once of what cannot be learned from.

    Args:
        module: Module of either method.
        collapse: Its warning.
        z: ``(batch, dim)``, embeddings of one view.
        gate: ``(batch, dim)`` of the batch's pairs; null: open.
        labels: ``(batch,)``.
        partners: ``(batch,)``.
    """
    everyone = gather(labels)
    found = count_label(partners, everyone)
    third = len(everyone) - found - count_label(labels, everyone) * (labels != partners)
    std = embedding_std(unit(z))
    module.log("diag/embedding_std", std)
    module.log("diag/effective_rank", effective_rank(unit(z)))
    module.log("diag/positives_per_anchor", found.float().mean())
    module.log("diag/negatives_per_anchor", third.float().mean())
    if gate is not None:
        module.log("diag/gate_open", activation(gate) / gate.shape[1])
        module.log("diag/gate_entropy", gate_entropy(gate))
        module.log("diag/gate_std_over_pairs", gate.std(dim=0, unbiased=False).mean())
    signs = {
        "embeddings do not differ": float(std) < 0.01 * z.shape[1] ** -0.5,
        "no partner's class is in the batch": not bool(found.any()),
        "the batch has no third class to tell a pair from": not bool(third.any()),
    }
    batch = int(module.get_buffer("batches_seen")) + 1
    collapse.check(signs, batch)
