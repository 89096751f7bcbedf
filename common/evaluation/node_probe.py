"""The linear probe of HeCo and MEOW on frozen node embeddings; all probes in one tensor."""

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from common.evaluation.node_config import NodeProbeConfig
from common.evaluation.node_inputs import NodeEmbeddings
from common.evaluation.scores import keep
from common.losses.precision import upcast


def evaluate_nodes(
    inputs: NodeEmbeddings, settings: NodeProbeConfig, seed: int
) -> dict[str, float]:
    """Returns Macro-F1, Micro-F1 and AUC, times 100, for each number of labels a class.

    Linear layer (Xavier-uniform, zero bias), cross-entropy, Adam, full batch, no standardisation.
    Each score is the test score at the first iteration with the best score on validation nodes
    (AUC at that of Micro-F1); mean over the probes, which share one fixed embedding. ``_std`` is
    the deviation over the probes, not over trainings.

    Args:
        inputs: Embeddings with splits.
        settings: Learning rate, iterations, number of probes.
        seed: Seeds the probes' weights.
    """
    metrics = {}
    for prefix, z in inputs.variants(settings.dropout_active).items():
        for number, split in inputs.splits.items():
            scores = _probe(upcast(z), inputs.labels, split, settings, seed)
            for name, values in scores.items():
                metrics[f"{prefix}{name}_{number}"] = 100 * float(values.mean())
                metrics[f"{prefix}{name}_{number}_std"] = 100 * float(values.std(correction=0))
    return metrics


@dataclass
class _Best:
    """Test score at the first best validation score, a probe."""

    val: Tensor
    test: Tensor
    logits: Tensor | None = None

    def update(self, val: Tensor, test: Tensor, logits: Tensor | None = None) -> None:
        better = val > self.val
        self.val = torch.where(better, val, self.val)
        self.test = torch.where(better, test, self.test)
        if logits is not None:
            old = logits if self.logits is None else self.logits
            self.logits = torch.where(better[None, :, None], logits, old)


def _probe(
    z: Tensor,
    labels: Tensor,
    split: tuple[Tensor, Tensor, Tensor],
    settings: NodeProbeConfig,
    seed: int,
) -> dict[str, Tensor]:
    num_classes, probes = int(labels.max()) + 1, settings.probes
    (train_x, train_y), (val_x, val_y), (test_x, test_y) = [(z[i], labels[i]) for i in split]
    weight, bias = (
        part.to(z.dtype).requires_grad_()
        for part in _initial_weights(z.shape[1], num_classes, probes, seed)
    )
    optimizer = torch.optim.Adam([weight, bias], lr=settings.lr, weight_decay=settings.weight_decay)
    macro = _Best(torch.full((probes,), -1.0), torch.zeros(probes))
    micro = _Best(torch.full((probes,), -1.0), torch.zeros(probes))
    for _ in range(settings.iterations):
        optimizer.zero_grad()
        with torch.enable_grad():
            _loss(_logits(train_x, weight, bias), train_y).backward()
        optimizer.step()
        val_logits = _logits(val_x, weight.detach(), bias.detach())
        test_logits = _logits(test_x, weight.detach(), bias.detach())
        val_f1 = f1_scores(val_logits.argmax(-1), val_y, num_classes)
        test_f1 = f1_scores(test_logits.argmax(-1), test_y, num_classes)
        macro.update(val_f1[0], test_f1[0])
        micro.update(val_f1[1], test_f1[1], test_logits)
    keep("node-probe", test_logits)
    assert micro.logits is not None
    return {"macro_f1": macro.test, "micro_f1": micro.test, "auc": _auc(micro.logits, test_y)}


def _initial_weights(dim: int, classes: int, probes: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    bound = (6 / (dim + classes)) ** 0.5
    drawn = torch.rand(dim, probes, classes, generator=generator)
    weight = (2 * drawn - 1) * bound
    return weight, torch.zeros(probes, classes)


def _logits(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """(nodes, probes, classes)."""
    return (x @ weight.flatten(1)).view(len(x), *bias.shape) + bias


def _loss(logits: Tensor, labels: Tensor) -> Tensor:
    # Summed over probes: Adam treats every weight alone, so each probe trains by itself.
    log_p = logits.log_softmax(-1)
    chosen = log_p.gather(-1, labels[:, None, None].expand(-1, log_p.shape[1], 1))
    return -chosen.mean(0).sum()


def f1_scores(predicted: Tensor, labels: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """Returns Macro- and Micro-F1, each (probes,); a class that nobody has or guesses is skipped.

    Args:
        predicted: (nodes, probes) classes.
        labels: (nodes,).
        num_classes: Number of classes.
    """
    scores, present = [], []
    for label in range(num_classes):
        guessed, true = predicted == label, (labels == label)[:, None]
        total = guessed.sum(0) + true.sum(0)
        scores.append(2 * (guessed & true).sum(0) / total.clamp(min=1))
        present.append(total > 0)
    macro = torch.stack(scores).sum(0) / torch.stack(present).sum(0)
    return macro, (predicted == labels[:, None]).float().mean(0)


def _auc(logits: Tensor, labels: Tensor) -> Tensor:
    """One-vs-rest, macro, of the softmax scores: (probes,)."""
    probabilities = logits.double().softmax(-1).numpy()
    target = labels.numpy()
    if probabilities.shape[-1] == 2:
        return torch.tensor([roc_auc_score(target, p[:, 1]) for p in probabilities.swapaxes(0, 1)])
    return torch.tensor(
        [
            roc_auc_score(target, p, multi_class="ovr", labels=np.arange(p.shape[-1]))
            for p in probabilities.swapaxes(0, 1)
        ]
    )
