"""MoCHi as a LightningModule: MoCo with synthetic negatives."""

import torch
from torch import Tensor, nn

from common.config.schema import OptimizerConfig
from common.data.images.config import ImageFacts
from common.distributed.collectives import rank, world_size
from common.distributed.draws import keyed_generator
from common.losses.precision import unit
from common.methods.moco import MoCo
from common.training.diagnostics import is_log_due
from common.training.position import batches_seen, epoch_reached
from papers.mochi.config import MoCHiConfig
from papers.mochi.loss import CHUNK_ROWS, Draws, draw, mixed_contrast, mixed_logits, proxy_top1

# A stream of its own for the mixtures.
MIXTURE_STREAM = 2**48


class MoCHi(MoCo):
    """Mixes each query's hardest keys into further negatives (arXiv 2010.01028).

    Under several processes the mixtures are drawn for the global batch, so that they do not depend
    on the number of processes.

    Args:
        method: Default: the paper's ImageNet values, from memory.
        optimizer: Default: the schema's.
        facts: Facts of the images; default: colour.
        backbone: A network of your own in place of ``method.backbone``.
    """

    method: MoCHiConfig

    def __init__(
        self,
        method: MoCHiConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: ImageFacts | None = None,
        backbone: nn.Module | None = None,
    ) -> None:
        super().__init__(method or MoCHiConfig(), optimizer, facts, backbone)
        if facts is not None:
            self.method.check_facts(facts)

    def contrast(self, q: Tensor, k: Tensor, turn: int) -> Tensor:
        """Returns the loss with mixtures, or MoCo's own during the warm-up."""
        config = self.method
        if not self.mixes():
            return super().contrast(q, k, turn)
        draws = self.draws(len(q), turn)
        if turn == 0 and is_log_due(self):
            with torch.autocast(q.device.type, enabled=False):
                self.log_proxy(q.detach(), k, draws)
        return mixed_contrast(q, k, self.queue, config.num_hard, draws, config.temperature)

    def mixes(self) -> bool:
        """Tells whether the warm-up is over."""
        return epoch_reached(self, self.method.warmup_epochs)

    def draws(self, rows: int, turn: int) -> Draws:
        """Returns this process's ``rows`` of what is drawn for the global batch."""
        config, generator = self.method, keyed_generator(MIXTURE_STREAM, batches_seen(self), turn)
        counts = config.num_hard, config.num_key_mixtures, config.num_query_mixtures
        drawn = draw(rows * world_size(), *counts, generator)
        own = drawn.of(slice(rank() * rows, (rank() + 1) * rows))
        return Draws(*(part.to(self.queue.device) for part in own))

    @torch.no_grad()
    def log_proxy(self, q: Tensor, k: Tensor, draws: Draws) -> None:
        """Logs how many queries have their key above the queue, and above the mixtures, too."""
        config, q, whole, plain = self.method, unit(q), [], []
        columns = 1 + config.queue_length
        for begin in range(0, len(q), CHUNK_ROWS):
            rows = slice(begin, begin + CHUNK_ROWS)
            own = q[rows], k[rows].to(q.dtype), self.queue.to(q.dtype), config.num_hard
            logits = mixed_logits(*own, draws.of(rows), config.temperature)
            whole.append(proxy_top1(logits) * len(logits))
            plain.append(proxy_top1(logits[:, :columns]) * len(logits))
        self.log("train/proxy_top1", torch.stack(whole).sum() / len(q), sync_dist=True)
        self.log("train/proxy_top1_queue", torch.stack(plain).sum() / len(q), sync_dist=True)
