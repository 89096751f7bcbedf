"""What all arms share: backbone, heads, prediction, and the joining of several processes' rows."""

from bisect import bisect_left
from copy import deepcopy
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from common.backbones.build import FEATURE_MAP, build_image_backbone
from common.backbones.modes import evaluating
from common.config.schema import OptimizerConfig
from common.data.targets.open_world.config import OpenWorldFacts
from common.distributed.batch_norm import convert_batch_norm
from common.distributed.collectives import gather, gather_with_grad
from common.errors import ConfigError
from common.training.paper_module import PaperModule
from papers.owdfa_cpl.config import CPLConfig, HeadsConfig
from papers.owdfa_cpl.head import CPLHead
from papers.owdfa_cpl.voting import labelled_partners

Method = TypeVar("Method", bound=HeadsConfig)
# No image has more pixels a side.
MOST_PIXELS = 4096


class Heads(PaperModule, Generic[Method]):
    """Backbone and one set of heads for known and novel classes: the argmax is the cluster.

    Args:
        method: The arm's settings; default: `defaults`.
        optimizer: Default: the schema's. The published code: Adam.
        facts: Facts of the data; default: the paper's protocol 1.
        parts: Patches a side.
        backbone: A network of your own in place of ``method.backbone``, with a ``feature_map``.
    """

    defaults: type[Method]
    draw_seed: Tensor

    def __init__(
        self,
        method: Method | None = None,
        optimizer: OptimizerConfig | None = None,
        facts: OpenWorldFacts | None = None,
        parts: int = 1,
        backbone: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.method = method = method or self.defaults()
        facts = facts or OpenWorldFacts()
        self.optimizer = optimizer or OptimizerConfig()
        self.keep_settings(self.method, self.optimizer, facts, backbone=backbone)
        self.num_heads = count_heads(method, facts)
        self.backbone = build_image_backbone(method, facts, backbone, FEATURE_MAP)
        width = self.backbone.num_features
        self.head = CPLHead(width, self.num_heads, parts, method.dropout)
        if method.sync_batch_norm:
            convert_batch_norm(self)
        # With the position, the seed of partners and noise, on every process alike.
        self.register_buffer("draw_seed", torch.randint(2**40, ()))

    @classmethod
    def settings_types(cls) -> dict[str, type]:
        """Returns the dataclasses of the arguments; ``__init__`` leaves the method's open."""
        return {**super().settings_types(), "method": cls.defaults}

    def embed(self, images: Tensor) -> Tensor:
        """Returns the global feature that is evaluated, ``(batch, num_features)``."""
        return self.head.embed(self.backbone.feature_map(images))

    def predict(self, images: Tensor) -> Tensor:
        """Returns scores of all heads, ``(batch, heads)``."""
        return self.head.classify(self.embed(images))

    def draw_partners(self, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Returns for each labelled row of all processes a random one of its class."""
        draws = torch.rand(len(labels), len(labels), generator=generator)
        return labelled_partners(labels, draws.to(labels.device))


def count_heads(method: HeadsConfig, facts: OpenWorldFacts) -> int:
    """Returns the number of heads.

    Raises:
        ConfigError: Fewer than there are classes.
    """
    heads = method.num_heads or facts.num_classes
    if heads < facts.num_classes:
        raise ConfigError(
            f"method.num_heads={heads}: the data have {facts.num_classes} classes "
            f"({facts.num_known} known); use {facts.num_classes} or more, or null"
        )
    return heads


def check_parts(backbone: Any, method: CPLConfig, facts: OpenWorldFacts) -> None:
    """Raises `ConfigError` for images whose map has fewer cells a side than there are parts."""
    shapes = deepcopy(backbone).to("meta")  # tells sizes and computes nothing

    def cells(size: int) -> int:
        images = torch.empty(1, facts.channels, size, size, device="meta")
        with evaluating(shapes):
            return int(shapes.feature_map(images).shape[-1])

    found, parts = cells(facts.size), method.parts
    if found < parts:
        least = bisect_left(range(MOST_PIXELS), parts, facts.size, key=cells)
        raise ConfigError(
            f"data.size={facts.size}: {method.backbone} makes {found} cells a side, fewer than "
            f"method.parts={parts}; use {least} or more"
        )


def join(rows: Tensor, num_labelled: int) -> Tensor:
    """Returns the rows of all processes, labelled ones first, without gradient."""
    return torch.cat([gather(rows[:num_labelled]), gather(rows[num_labelled:])])


def join_with_grad(rows: Tensor, num_labelled: int) -> Tensor:
    """Returns the same with the gradient of every row."""
    parts = rows[:num_labelled], rows[num_labelled:]
    return torch.cat([gather_with_grad(part) for part in parts])
