"""What shows whether the filter works: open dimensions, entropy, pairs without keys."""

from lightning import LightningModule
from torch import Tensor

from common.distributed.collectives import gather
from common.losses.precision import unit
from common.losses.spread import effective_rank
from common.losses.supcon import count_label
from common.training.diagnostics import CollapseWarning, embedding_std
from papers.hydra.loss import activation, gate_entropy

ADVICE = (
    "Try a larger data.batch_size, method.pairs=arbitrary, a higher method.temperature or a lower "
    "optimizer.lr"
)


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
