"""What methods on images with texts share: two encoders, a common space, a scale, their rates."""

import math
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.backbones.build import as_encoder, build_image_backbone, own_backbone
from common.config.schema import OptimizerConfig
from common.data.image_text.batch import PairBatch
from common.data.image_text.config import ImageTextFacts
from common.data.images.config import ImageFacts
from common.distributed.batch_norm import convert_batch_norm
from common.distributed.collectives import world_size
from common.errors import ConfigError
from common.losses.clip import ClipLoss
from common.losses.duplicates import token_keys
from common.methods.config import TwoTowerConfig
from common.methods.open_clip import OpenClipTowers
from common.optim.build import build_optimizer, training_length, with_schedule
from common.optim.schedules import build_scheduler
from common.registry import TEXT_BACKBONES
from common.training.diagnostics import CollapseWarning, embedding_std, is_log_due
from common.training.paper_module import PaperModule
from common.training.position import batches_seen

# The largest logarithm of the scale (arXiv 2103.00020, section 2.5).
LARGEST = math.log(100)
# A loss above this share of that of chance has learnt nothing.
CHANCE = 0.99
ADVICE = "Try a lower optimizer.lr, a longer warm-up or a larger data.batch_size"


class TwoTower(nn.Module):
    """An encoder of images and one of texts, each with a linear projector to a common space.

    Args:
        config: Names both.
        facts: Facts of the data.
        image: A network of the user's own.
        text: Another one, of ids and mask, (batch, tokens) each.
    """

    def __init__(
        self,
        config: TwoTowerConfig,
        facts: ImageTextFacts,
        image: nn.Module | None = None,
        text: nn.Module | None = None,
    ) -> None:
        super().__init__()
        images = ImageFacts(facts.channels, facts.image_size)
        self.image = build_image_backbone(config, images, image)
        build_text = TEXT_BACKBONES.get(config.text.name)
        if text is None:
            self.text = as_encoder(build_text(facts.num_words, facts.context, config.text))
        else:
            ids = torch.zeros(2, facts.context, dtype=torch.int64)
            self.text = own_backbone(text, ids, ids == 0)
        self.image_projector = linear_projector(self.image.num_features, config.dim)
        self.text_projector = linear_projector(self.text.num_features, config.dim)
        log_scale = torch.tensor(math.log(config.scale))
        if config.fixed_scale:
            self.register_buffer("log_scale", log_scale)
        else:
            self.log_scale = nn.Parameter(log_scale)

    def embed_image(self, images: Tensor) -> Tensor:
        """Returns the encoder's features, ``(batch, features)``."""
        return self.image(images)

    def embed_text(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Returns the encoder's features, ``(batch, features)``."""
        return self.text(ids, mask)

    def project_image(self, images: Tensor) -> Tensor:
        """Returns vectors in the common space, ``(batch, dim)``."""
        return self.image_projector(self.embed_image(images))

    def project_text(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Returns vectors in the common space, ``(batch, dim)``."""
        return self.text_projector(self.embed_text(ids, mask))


def linear_projector(features: int, dim: int) -> nn.Linear:
    """Returns a linear layer without bias, its weights normal with deviation features^-0.5."""
    linear = nn.Linear(features, dim, bias=False)
    nn.init.normal_(linear.weight, std=features**-0.5)
    return linear


class PairModule(PaperModule):
    """A module of images with texts: ``self.towers`` embed and project both of them.

    Args:
        method: Which encoders.
        optimizer: Rates and decay.
        facts: Facts of the data; default: CLIP's tokens and colour.
    """

    towers: TwoTower | OpenClipTowers
    method: TwoTowerConfig
    optimizer: OptimizerConfig

    def build_towers(
        self,
        facts: ImageTextFacts | None,
        backbone: nn.Module | None,
        text_backbone: nn.Module | None,
    ) -> None:
        """Keeps the settings, and makes ``self.towers`` and what warns of a collapse."""
        own = {"backbone": backbone, "text_backbone": text_backbone}
        self.keep_settings(self.method, self.optimizer, facts, **own)
        config, self.facts = self.method, facts or ImageTextFacts()
        if config.open_clip is None:
            self.towers = TwoTower(config, self.facts, backbone, text_backbone)
        elif backbone is not None or text_backbone is not None:
            raise ConfigError("backbone, text_backbone: need method.open_clip=null")
        else:
            self.towers = OpenClipTowers(config, self.facts.context)
        if config.sync_batch_norm:
            convert_batch_norm(self)
        self.collapse = CollapseWarning(ADVICE)

    @property
    def backbone(self) -> Any:
        """The encoder of images; None of open_clip's models, which are one piece."""
        return self.towers.image if isinstance(self.towers, TwoTower) else None

    @property
    def log_scale(self) -> Tensor:
        """The logarithm of what cosines are multiplied by, a scalar."""
        return self.towers.log_scale

    def embed(self, images: Tensor) -> Tensor:
        """Returns the representation of images that is evaluated, ``(batch, num_features)``."""
        return self.towers.embed_image(images)

    def embed_text(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Returns the representation of texts, ``(batch, text_features)``.

        Args:
            ids: Ids of tokens, ``(batch, tokens)``.
            mask: The same shape, true at tokens.
        """
        return self.towers.embed_text(ids, mask)

    def project_image(self, images: Tensor) -> Tensor:
        """Returns what is contrasted, ``(batch, dim)``, of any norm."""
        return self.towers.project_image(images)

    def project_text(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Returns what is contrasted, ``(batch, dim)``, of any norm."""
        return self.towers.project_text(ids, mask)

    def keys(self, batch: PairBatch) -> Tensor | None:
        """Returns `token_keys` of the texts, ``(batch, 1 + A)``; None: all others are negatives."""
        return token_keys(batch.ids, batch.mask) if self.method.leave_out_duplicates else None

    def configure_optimizers(self) -> Any:
        """AdamW, without decay of biases, norms and scale, in the papers."""
        return configure_towers(self.parameters(), self.method, self.optimizer, self.trainer)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Takes the step, and brings the scale back to 1..100 (arXiv 2103.00020, section 2.5)."""
        super().optimizer_step(*args, **kwargs)
        if self.log_scale.requires_grad:
            with torch.no_grad():
                self.log_scale.clamp_(0, LARGEST)


def configure_towers(
    parameters: Any, method: TwoTowerConfig, optimizer: OptimizerConfig, trainer: Any
) -> dict[str, Any]:
    """Returns what ``LightningModule.configure_optimizers`` returns, with a warm-up by batches.

    Raises:
        ConfigError: A training without end, or one that is shorter than its warm-up.
    """
    built = build_optimizer(parameters, optimizer)
    if optimizer.name in ("adam", "adamw"):
        for group in built.param_groups:
            group["eps"] = method.adam_eps
    steps, epochs = training_length(trainer)
    if method.warmup_batches > steps * epochs:
        raise ConfigError(
            f"method.warmup_batches={method.warmup_batches}: exceeds the {steps * epochs} steps of "
            "the training; lower it"
        )
    if method.warmup_batches:
        optimizer, steps, epochs = by_batches(optimizer, method.warmup_batches), 1, steps * epochs
    return with_schedule(built, build_scheduler(built, optimizer, steps, epochs))


def by_batches(optimizer: OptimizerConfig, warmup: int) -> OptimizerConfig:
    """Returns the rates with a warm-up of ``(t + 1) / warmup``, for epochs of one batch."""
    return replace(optimizer, warmup_epochs=warmup, warmup_start_lr=optimizer.lr / warmup)


@torch.no_grad()
def log_pairs(module: PairModule, loss: ClipLoss, u: Tensor, v: Tensor) -> None:
    """Logs the loss, both sides' spread, partners' cosine and the scale; warns of a collapse.

    Does nothing on steps that are not written.

    Args:
        module: In its training step.
        loss: Loss of the step.
        u: Images, ``(batch, dim)``.
        v: Their texts, the same shape.
    """
    if not is_log_due(module):
        return
    u, v = F.normalize(u.float(), dim=1), F.normalize(v.float(), dim=1)
    spread = {"image": embedding_std(u), "text": embedding_std(v)}
    module.log("train/loss", loss.total.detach(), sync_dist=True)
    for name, value in loss._asdict().items():
        if name != "total":
            module.log(f"train/{name}_loss", value.detach(), sync_dist=True)
    for name, value in spread.items():
        module.log(f"diag/{name}_std", value)
    module.log("diag/partner_cosine", (u * v).sum(1).mean())
    module.log("diag/scale", module.log_scale.exp())
    flat = min(float(value) for value in spread.values()) < 0.01 / math.sqrt(u.shape[1])
    chance = math.log(len(u) * world_size())
    told = float(loss.image_to_text + loss.text_to_image) / 2
    stuck = _is_warm(module) and told > CHANCE * chance
    signs = {"embeddings do not differ": flat, "the loss is that of chance": stuck}
    module.collapse.check(signs, batches_seen(module) + 1)


def _is_warm(module: PairModule) -> bool:
    """Tells whether an epoch and the warm-up are over."""
    epoch = int(module.trainer.num_training_batches)
    return batches_seen(module) > max(epoch, module.method.warmup_batches)
