"""CPL as a LightningModule: `training_step` is the method's algorithm box."""

import torch
from torch import Tensor, nn

from common.config.schema import OptimizerConfig
from common.data.targets.open_world.batch import as_open_world_batch
from common.data.targets.open_world.config import OpenWorldFacts
from common.distributed.collectives import gather
from common.distributed.draws import keyed_generator
from common.losses.spread import effective_rank
from common.training.diagnostics import CollapseWarning, is_log_due
from common.training.position import batches_seen, count_batch
from papers.owdfa_cpl.config import CPLConfig
from papers.owdfa_cpl.loss import (
    confidence_weighted,
    gumbel,
    hard_pseudo_label,
    margin_cross_entropy,
    mean_entropy,
    pair_consistency,
    soft_labels,
)
from papers.owdfa_cpl.network import Heads, check_parts, join, join_with_grad
from papers.owdfa_cpl.selection import build_rule
from papers.owdfa_cpl.stages import NONE, Relabelling
from papers.owdfa_cpl.voting import Vote, vote

ADVICE = "Try a higher method.entropy_weight or a lower optimizer.lr"


class CPL(Heads[CPLConfig]):
    """Contrastive pseudo learning (arXiv 2309.11132): voted pairs and soft pseudo-labels.

    Under several processes pairs, votes and the entropy are over the global batch.

    Args:
        method: Default: the published code's.
        optimizer: Default: the schema's.
        facts: Facts of the data; default: the paper's protocol 1.
        backbone: A network of your own in place of ``method.backbone``, with a ``feature_map``.
    """

    defaults = CPLConfig

    def __init__(
        self,
        method: CPLConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: OpenWorldFacts | None = None,
        backbone: nn.Module | None = None,
    ) -> None:
        config, facts = method or CPLConfig(), facts or OpenWorldFacts()
        super().__init__(config, optimizer, facts, config.parts, backbone)
        if backbone is None:
            check_parts(self.backbone, config, facts)
        num = facts.num_unlabelled
        self.rule: nn.Module | None = None
        if config.pseudo_labels not in ("soft", "hard-weighted"):
            limits = config.cutoff, config.rule_momentum
            self.rule = build_rule(config.pseudo_labels, self.num_heads, num, *limits)
        self.stages = Relabelling(num, config.pretrain_epochs, config.relabel_epochs)
        self.collapse = CollapseWarning(ADVICE)

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        """One step: features, votes, partners, and the four losses over the global batch."""
        batch = as_open_world_batch(batch, self)
        config, num, epoch = self.method, batch.num_labelled, batch.key.epoch
        maps = self.backbone.feature_map(batch.images)
        g = self.head.embed(maps)
        logits = join_with_grad(self.head.classify(g), num)  # (rows of all, heads)
        labels, places = gather(batch.labels), gather(batch.places)
        labelled, free = logits[: len(labels)], logits[len(labels) :]
        terms = {"ce": self.supervised(labelled, labels, free, places, epoch)}
        loss = terms["ce"]
        votes = None
        if not self.stages.pretrains(epoch):
            generator = keyed_generator(int(self.draw_seed), batches_seen(self))
            votes = self.votes(join(g, num), join(self.head.embed_parts(maps), num), len(labels))
            partners = torch.cat([self.draw_partners(labels, generator), votes.partners])
            terms["glv"] = pair_consistency(logits, partners)
            terms["pseudo"] = self.pseudo_label(free, votes, places, generator)
            terms["entropy"] = mean_entropy(logits)
            loss = loss + config.glv_weight * terms["glv"] + config.pseudo_weight * terms["pseudo"]
            loss = loss - config.entropy_weight * terms["entropy"]
        self.diagnose({"loss": loss, **terms}, logits, votes)
        count_batch(self)
        return loss

    def supervised(
        self, labelled: Tensor, labels: Tensor, free: Tensor, places: Tensor, epoch: int
    ) -> Tensor:
        """Returns the margin cross-entropy on labels, given ones of earlier rounds included."""
        given = self.stages.labels(places, free, epoch)
        rows = torch.cat([labelled, free[given != NONE]])
        return margin_cross_entropy(
            rows, torch.cat([labels, given[given != NONE]]), self.method.margin
        )

    def votes(self, g: Tensor, p: Tensor, num_labelled: int) -> Vote:
        """Returns the votes on the unlabelled rows' nearest neighbours."""
        return vote(g, p, num_labelled, trust_all=self.method.vote == "always")

    def pseudo_label(
        self, logits: Tensor, votes: Vote, places: Tensor, generator: torch.Generator
    ) -> Tensor:
        """Returns the pseudo-label loss of the unlabelled rows of all processes."""
        if self.rule is not None:
            return hard_pseudo_label(logits, self.rule(logits, places))
        if self.method.pseudo_labels == "soft":
            given = soft_labels(logits, gumbel(tuple(logits.shape), generator, logits.detach()))
        else:
            given = nn.functional.one_hot(logits.argmax(dim=1), logits.shape[1]).to(logits)
        return confidence_weighted(logits, given, votes.trusted)[0]

    @torch.no_grad()
    def diagnose(self, terms: dict[str, Tensor], logits: Tensor, votes: Vote | None) -> None:
        """Logs the terms and, where metrics are written, votes and the use of heads."""
        if not is_log_due(self):
            return
        for name, value in terms.items():
            self.log(f"train/{name}", value)
        used = logits.argmax(dim=1).unique().numel()
        if votes is not None:
            self.log("diag/trusted", votes.trusted.float().mean())
        self.log("diag/heads_used", float(used))
        self.log("diag/effective_rank", effective_rank(logits))
        self.collapse.check({"one head takes every image": used == 1}, batches_seen(self) + 1)
