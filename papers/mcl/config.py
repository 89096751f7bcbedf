"""The ``method:`` section of MCL. Imports no torch.

Sources: "code" and "readme" are those of the official repository (MajorDavidZhang/MCL, commit
cab98c1), which holds the fine-tuning of CLIP alone. The paper's text could not be read: what the
training of image encoders from random weights needs is ours.
"""

from dataclasses import dataclass
from typing import Any

from common.errors import ConfigError
from common.methods.config import check_one_size, check_pairs
from common.registry import SIZED_BACKBONES
from common.settings import setting


@dataclass
class MCLConfig:
    """SimCLR in stages."""

    # A note on the paper names ResNet-18 for images.
    backbone: str = setting("resnet18", choices=SIZED_BACKBONES)
    width: int = setting(1, at_least=1)
    # Weights to start each stage from: a file, or "pretrained" for those of the library; null:
    # random ones, others in each stage. Readme: each stage starts from the given weights.
    initial_weights: str | None = setting(None, names_file=True)
    stem: str = setting("cifar", choices=("imagenet", "cifar", "deep"))
    # Ours, as in SimCLR on small images: the projector of each stage, and the temperature.
    hidden_dim: int = setting(512, at_least=1)
    output_dim: int = setting(128, at_least=1)
    temperature: float = setting(0.2, above=0)
    # Readme: the given model, and stages 1 and 2 after it.
    stages: int = setting(3, at_least=1)
    # Of each stage but the last, which has what trainer.epochs leaves. Readme: 20.
    stage_epochs: int = setting(20, at_least=1)
    # Readme: K.
    num_clusters: int = setting(10, at_least=2)
    # Ours: k-means takes the best of so many starts.
    kmeans_starts: int = setting(2, at_least=1)
    # For whom the negatives of later stages are: images of one cluster (paper); controls: of one
    # of as many random groups, or all images, which gives an ensemble of equal encoders.
    negatives: str = setting("clusters", choices=("clusters", "random", "all"))
    # grouped: a batch holds images of one group (code); mixed: any batch, and images of other
    # groups are left out of the denominator (ours).
    batches: str = setting("grouped", choices=("grouped", "mixed"))
    # Ours: the features of each stage have unit length in the representation.
    normalise: bool = True
    # No effect on one process.
    sync_batch_norm: bool = True

    def check(self, recipe: Any) -> None:
        """Raises `ConfigError` unless there are 2 views of one size, and epochs for all stages."""
        check_pairs(recipe, "MCL")
        check_one_size(recipe, "MCL")
        epochs, before = recipe.trainer.epochs, (self.stages - 1) * self.stage_epochs
        if 0 < epochs <= before:
            raise ConfigError(
                f"trainer.epochs={epochs}: the stages before the last one take {before}; raise it "
                "or lower method.stages"
            )
