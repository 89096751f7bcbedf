"""The protocol ``entry-prediction``: the rank of a definition's entry among logits (DefSent)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from common.backbones.modes import evaluating
from common.evaluation.config import require_part
from common.evaluation.scores import keep
from common.evaluation.text_inputs import CHUNK, TextInputs
from papers.defsent_plus.config import EntryPredictionConfig


@torch.no_grad()
def evaluate_prediction(
    inputs: TextInputs, settings: EntryPredictionConfig, seed: int
) -> dict[str, float]:
    """Returns ``entry_mrr`` and ``entry_top<k>`` in per cent; nothing of what learns nothing.

    Args:
        inputs: Hold held-out texts with entries.
        settings: Which k.
        seed: Not used.
    """
    module = inputs.module
    if not hasattr(module, "score"):
        return {}
    held_out = require_part(inputs.held_out, "entry-prediction", "held-out texts")
    targets, ranks = torch.from_numpy(held_out.targets), []
    with evaluating(module):
        for rows, ids, mask in held_out.texts.chunks(CHUNK, module.backbone.num_positions):
            logits = module.score(ids.to(module.device), mask.to(module.device))
            own = targets[rows].to(logits.device)
            keep("entry-prediction", logits.gather(1, own[:, None])[:, 0])
            ranks.append(entry_ranks(logits, own).cpu())
    return rank_metrics(torch.cat(ranks), settings.top, settings.cutoffs)


def entry_ranks(logits: Tensor, targets: Tensor) -> Tensor:
    """Returns 1 plus the number of larger logits in the row, ``(rows,)``, as DefSent's code.

    A row in which all logits are equal tells nothing: it ranks last, not first.

    Args:
        logits: ``(rows, entries)``.
        targets: ``(rows,)``.
    """
    wanted = logits.gather(1, targets[:, None])
    ranks = 1 + (logits > wanted).sum(1)
    constant = logits.amax(1) == logits.amin(1)
    return torch.where(constant, logits.shape[1], ranks)


def rank_metrics(ranks: Tensor, top: int, cutoffs: Sequence[int]) -> dict[str, float]:
    """Returns the mean reciprocal rank, 0 below ``top``, and the shares within ``cutoffs``."""
    ranks = ranks.double()
    reciprocal = torch.where(ranks <= top, 1 / ranks, 0.0)
    found = {"entry_mrr": 100 * reciprocal.mean().item()}
    shares = {f"entry_top{k}": 100 * (ranks <= k).double().mean().item() for k in cutoffs}
    return found | shares
