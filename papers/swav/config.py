"""The ``method:`` sections of SwAV and DeepCluster-v2: the ImageNet runs of 800 epochs.

Sources: "paper" is arXiv 2006.09882, "script" the official repository's
``scripts/swav_800ep_pretrain.sh`` or ``scripts/deepclusterv2_800ep_pretrain.sh``.
"""

import warnings
from dataclasses import dataclass
from typing import Any

from common.data.images.config import ImageFacts
from common.errors import ConfigError
from common.registry import BACKBONES
from common.settings import setting


@dataclass
class EncoderConfig:
    """Backbone and head, which both methods share."""

    # ResNet-50 (paper, section 4); wider ones have width 2, 4 or 5 (script names w2, w4, w5).
    backbone: str = setting("resnet50", choices=BACKBONES)
    width: int = setting(1, at_least=1)
    # Weights to start from: a file, or "pretrained" for those of the library; null: none.
    initial_weights: str | None = setting(None, names_file=True)
    # "cifar": a 3x3 convolution and no max-pooling, for images of about 32 x 32.
    stem: str = setting("imagenet", choices=("imagenet", "cifar"))
    # Head 2048 -> 2048 -> 128 (script: hidden_mlp, feat_dim); 0 is one linear layer.
    hidden_dim: int = setting(2048, at_least=0)
    output_dim: int = setting(128, at_least=1)
    # False is one of the official readme's cures for collapse.
    head_batch_norm: bool = True
    # Script: sync_bn. No effect on one process.
    sync_batch_norm: bool = True


@dataclass
class SwAVConfig(EncoderConfig):
    """SwAV's own settings."""

    # Script: nmb_prototypes.
    num_prototypes: int = setting(3000, at_least=2)
    # Paper, Eq. 2; script: temperature.
    temperature: float = setting(0.1, above=0)
    # Paper, Eq. 3; script: epsilon. The readme lowers it to 0.03 against collapse.
    epsilon: float = setting(0.05, above=0)
    # Paper, section 3.1; script: sinkhorn_iterations.
    sinkhorn_iterations: int = setting(3, at_least=0)
    # The two large crops (paper, section 3.2; script: crops_for_assign).
    assignment_crops: list[int] = setting([0, 1], at_least=0)
    # Paper, section 3.1: rounding the codes is worse online.
    assignment: str = setting("soft", choices=("soft", "hard"))
    # False: the code is softmax(scores / epsilon), an ablation that collapses.
    equipartition: bool = True
    # Over all processes; 3840 with batches of 256 (script swav_200ep_bs256), else none.
    queue_length: int = setting(0, at_least=0)
    # Script swav_200ep_bs256: epoch_queue_starts.
    queue_from_epoch: int = setting(15, at_least=0)
    # One epoch of batches of 4096 (script: freeze_prototypes_niters); 5005 with 256.
    freeze_batches: int = setting(313, at_least=0)

    def check(self, recipe: Any) -> None:
        """Checks what depends on other sections of the recipe.

        Raises:
            ConfigError: A queue that is no whole number of batches, or an assignment crop that
                the recipe's views do not have.
        """
        batch, views = recipe.data.batch_size, sum(view.count for view in recipe.data.views)
        if self.queue_length % batch:
            lower = self.queue_length // batch * batch
            near = f"{lower} or {lower + batch}" if lower else f"0 or {batch}"
            raise ConfigError(
                f"method.queue_length: {self.queue_length} is not a multiple of the global batch "
                f"(data.batch_size={batch}); the nearest lengths are {near}"
            )
        if batch + self.queue_length < self.num_prototypes:
            warnings.warn(
                f"{self.num_prototypes} prototypes cannot have equal mass over {batch} samples and "
                f"a queue of {self.queue_length}: lower method.num_prototypes, or raise "
                "data.batch_size or method.queue_length",
                stacklevel=2,
            )
        if views < 2:
            raise ConfigError("data.views: SwAV predicts one view's code from another: at least 2")
        check_assignment_crops(self.assignment_crops, views)

    def check_facts(self, facts: ImageFacts) -> None:
        """Checks what training asks of the data; warns if prototypes nearly outnumber images.

        Raises:
            ConfigError: More prototypes than training images.
        """
        if facts.num_samples < self.num_prototypes:
            raise ConfigError(
                f"method.num_prototypes={self.num_prototypes}: there are only "
                f"{facts.num_samples} training images; use fewer prototypes"
            )
        if facts.num_samples < self.num_prototypes + self.queue_length:
            warnings.warn(
                f"{facts.num_samples} training images for {self.num_prototypes} prototypes and "
                f"a queue of {self.queue_length}: the queue will hold most of an epoch",
                stacklevel=2,
            )


@dataclass
class DeepClusterConfig(EncoderConfig):
    """DeepCluster-v2's own settings (paper, appendix; the official repository has the code)."""

    # One clustering each (script: nmb_prototypes).
    num_prototypes: list[int] = setting([3000, 3000, 3000], at_least=2)
    # Script: temperature.
    temperature: float = setting(0.1, above=0)
    # Updates of spherical k-means at the start of each epoch (official code).
    kmeans_iterations: int = setting(10, at_least=0)
    # Views whose embeddings are remembered and clustered (script: crops_for_assign).
    assignment_crops: list[int] = setting([0, 1], at_least=0)
    # An empty cluster: "keep" its centroid (official code), or move it to the embedding "farthest"
    # from its own.
    empty_clusters: str = setting("farthest", choices=("farthest", "keep"))

    def check(self, recipe: Any) -> None:
        """Checks what depends on other sections of the recipe.

        Raises:
            ConfigError: No clustering, or an assignment crop that the views do not have.
        """
        if not self.num_prototypes:
            raise ConfigError("method.num_prototypes: name at least one clustering, as [3000]")
        views = sum(view.count for view in recipe.data.views)
        check_assignment_crops(self.assignment_crops, views)

    def check_facts(self, facts: ImageFacts) -> None:
        """Raises `ConfigError` if a clustering has more prototypes than there are images."""
        self.check_count(facts.num_samples)

    def check_count(self, num_images: int) -> None:
        """Raises `ConfigError` if ``num_images`` are too few to start each clustering from."""
        largest = max(self.num_prototypes)
        if num_images < largest:
            raise ConfigError(
                f"method.num_prototypes={largest}: only {num_images} images are remembered to "
                "start them from; use fewer"
            )


def check_assignment_crops(crops: list[int], views: int) -> None:
    """Raises `ConfigError` unless ``crops`` are one or more different ones of ``views``."""
    if not crops or len(set(crops)) < len(crops):
        raise ConfigError(f"method.assignment_crops: {crops} must name one or more different views")
    if max(crops) >= views:
        raise ConfigError(
            f"method.assignment_crops: {crops} names a view beyond the {views} of data.views "
            "(counted from 0)"
        )
