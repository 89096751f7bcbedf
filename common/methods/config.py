"""The ``method:`` sections of the shared methods. Imports no torch."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from common.backbones.text_config import TextTowerConfig
from common.data.images.config import ImageFacts
from common.errors import ConfigError, DataError
from common.registry import BACKBONES
from common.settings import setting

# Weights that are for QuickGELU; with the usual GELU they lose several points without a sign.
QUICK_TAG, QUICK_NAME = "openai", "quickgelu"


@dataclass
class BackboneConfig:
    """Which encoder of images; the fields of `papers.swav.config.SwAVConfig` mean the same."""

    backbone: str = setting("resnet50", choices=BACKBONES)
    width: int = setting(1, at_least=1)
    # Weights to start from: a file, or "pretrained" for those of the library; null: none.
    initial_weights: str | None = setting(None, names_file=True)
    stem: str = setting("imagenet", choices=("imagenet", "cifar", "deep"))
    # No effect on one process.
    sync_batch_norm: bool = True


@dataclass
class SupervisedConfig(BackboneConfig):
    """Cross-entropy on the labels; each view of an image is a sample."""

    learns_from_labels: ClassVar[bool] = True
    # Share of the target spread over all classes.
    label_smoothing: float = setting(0.0, at_least=0, below=1)


@dataclass
class SimCLRConfig(BackboneConfig):
    """Defaults: ImageNet, Chen et al. 2020 (arXiv 2002.05709), sections 2.2 and B.9."""

    # Each residual block starts as the identity (SimCLR's resnet.py, hydra's main_cl.py).
    zero_init_residual: bool = False
    # Projector 2048 -> 2048 -> 128.
    hidden_dim: int = setting(2048, at_least=1)
    output_dim: int = setting(128, at_least=1)
    # Batch norm after the hidden layer; the paper's own text has none, its code has.
    head_batch_norm: bool = True
    # Batch norm after the last layer too, without weights (hydra's main_cl.py); SimCLR's own code
    # has one there that learns a scale.
    output_batch_norm: bool = False
    # 0.1 is best on ImageNet at batch 4096, 0.5 on CIFAR-10.
    temperature: float = setting(0.1, above=0)
    # All views pass the network in one batch, or one after the other (hydra's cl/model.py), so that
    # batch norm takes the statistics of each by itself.
    views_together: bool = True

    def check(self, recipe: Any) -> None:
        """Raises `ConfigError` unless there are 2 views of one size, and a batch has negatives."""
        check_pairs(recipe, "SimCLR")
        check_one_size(recipe, "SimCLR")


@dataclass
class SupConConfig(BackboneConfig):
    """Defaults: ImageNet, Khosla et al. 2020 (arXiv 2004.11362), section 4 and their code."""

    learns_from_labels: ClassVar[bool] = True
    # Each residual block starts as the identity (hydra's main_cl.py).
    zero_init_residual: bool = False
    # Projector 2048 -> 2048 -> 128, without batch norm.
    projector_layers: int = setting(2, at_least=1)
    hidden_dim: int = setting(2048, at_least=1)
    output_dim: int = setting(128, at_least=1)
    head_batch_norm: bool = False
    # Batch norm after the last layer, without weights (hydra's main_cl.py).
    output_batch_norm: bool = False
    temperature: float = setting(0.1, above=0)
    # As in `SimCLRConfig`.
    views_together: bool = True
    # Whose class the positives are of: the anchor's own, or (Hydra's ablation) that of another
    # sample of the batch.
    pairs: str = setting("identical", choices=("identical", "arbitrary"))

    def check(self, recipe: Any) -> None:
        """Raises `ConfigError` unless all views pass the network together."""
        check_one_size(recipe, "SupCon")
        if recipe.data.batch_size < 2:
            raise ConfigError("data.batch_size: SupCon contrasts samples of a batch: 2 or up")


@dataclass
class MoCoConfig(BackboneConfig):
    """Defaults: MoCo v2 on ImageNet (arXiv 2003.04297; moco/builder.py), batches of 256."""

    # Projector 2048 -> 2048 -> 128, without batch norm.
    hidden_dim: int = setting(2048, at_least=1)
    output_dim: int = setting(128, at_least=1)
    temperature: float = setting(0.2, above=0)
    # The momentum encoder's; small sets take 0.99.
    momentum: float = setting(0.999, at_least=0, at_most=1)
    # Keys of earlier batches, over all processes; small sets take 4096.
    queue_length: int = setting(65536, at_least=1)
    # Each view is a query once; the paper's queries are the first view alone.
    symmetric: bool = False
    # Shuffled batch norm: statistics are of this many groups of the global batch, and keys are
    # dealt to the groups anew, so that no group holds a query with its key. The paper's 8 GPUs.
    # 1: over the whole batch (with `sync_batch_norm`), not shuffled.
    batch_norm_groups: int = setting(8, at_least=1)

    def check(self, recipe: Any) -> None:
        """Checks what depends on other sections of the recipe.

        Raises:
            ConfigError: Not two views; a queue shorter than a batch of keys; groups that are not
                equally large or hold one image.
        """
        check_pairs(recipe, "MoCo")
        batch = recipe.data.batch_size
        check_queue(self.queue_length, batch * (2 if self.symmetric else 1))
        if batch % self.batch_norm_groups or batch == self.batch_norm_groups:
            raise ConfigError(
                f"method.batch_norm_groups: {self.batch_norm_groups} groups cannot share "
                f"data.batch_size={batch} equally, at least 2 images each; use 1 for none"
            )


@dataclass
class SimSiamConfig(BackboneConfig):
    """Defaults: SimSiam on ImageNet (arXiv 2011.10566, section 3 and Appendix A).

    The official code also starts each residual block as the identity.
    """

    # Projector 2048 -> 2048 -> 2048, batch norm after each layer; two layers on CIFAR-10.
    projector_layers: int = setting(3, at_least=2)
    hidden_dim: int = setting(2048, at_least=1)
    output_dim: int = setting(2048, at_least=1)
    # Whether the projector's last batch norm learns a scale and a shift.
    output_affine: bool = False
    # Predictor 2048 -> 512 -> 2048, batch norm after its hidden layer only.
    predictor_dim: int = setting(512, at_least=1)

    def check(self, recipe: Any) -> None:
        """Raises `ConfigError` unless the recipe makes two views."""
        check_pairs(recipe, "SimSiam")


@dataclass
class BarlowTwinsConfig(BackboneConfig):
    """Defaults: Barlow Twins on ImageNet (arXiv 2103.03230, section 2.2)."""

    # Projector 2048 -> 8192 -> 8192 -> 8192, batch norm after hidden layers.
    projector_layers: int = setting(3, at_least=2)
    hidden_dim: int = setting(8192, at_least=1)
    output_dim: int = setting(8192, at_least=1)
    # Batch norm after the last layer: it learns a scale and a shift.
    output_batch_norm: bool = False
    # The paper's lambda; its code has 0.0051.
    off_diagonal_weight: float = setting(5e-3, at_least=0)
    # Columns are divided by the deviation of batch - 1 (AMCL's code), not by that of the batch.
    unbiased_deviation: bool = False

    def check(self, recipe: Any) -> None:
        """Raises `ConfigError` unless the recipe makes two views of two images or more."""
        check_pairs(recipe, "Barlow Twins")


def check_labelled(name: str, facts: ImageFacts) -> None:
    """Raises `DataError` unless every training image has a label for method ``name``."""
    if facts.num_unlabelled:
        raise DataError(
            f"{name} learns from labels: {facts.num_unlabelled:,} of {facts.num_samples:,} "
            "training images have none; data.labelled_only=true leaves them out"
        )


def check_pairs(recipe: Any, name: str) -> None:
    """Raises `ConfigError` unless there are two views, of two images or more."""
    views = sum(view.count for view in recipe.data.views)
    if views != 2:
        raise ConfigError(f"data.views: {name} contrasts 2 views of an image, not {views}")
    if recipe.data.batch_size < 2:
        raise ConfigError(f"data.batch_size: {name} compares a batch's images: 2 or up")


def check_one_size(recipe: Any, name: str) -> None:
    """Raises `ConfigError` unless all views can pass the network together."""
    sizes = sorted({view.size for view in recipe.data.views})
    if len(sizes) > 1:
        raise ConfigError(f"data.views: {name} takes views of one size, not of {sizes}")


def check_plain_pairs(recipe: Any, name: str) -> None:
    """Raises `ConfigError` unless there are images and their texts alone."""
    for key, unused in (("num_strong", 0), ("hard_captions", []), ("hard_images", 0)):
        value = getattr(recipe.data, key)
        if value != unused:
            raise ConfigError(f"data.{key}={value}: {name} takes images and their texts alone")


def check_constant_rate(recipe: Any) -> None:
    """Raises `ConfigError` for a schedule, where the paper trains at a constant rate."""
    if recipe.optimizer.schedule != "constant" or recipe.optimizer.warmup_epochs:
        raise ConfigError("optimizer.schedule: the learning rate of this paper is constant")


def check_pretraining(recipe: Any, epochs: int) -> None:
    """Raises `ConfigError` if the ``epochs`` of masked words are more than the training's."""
    if epochs > recipe.trainer.epochs > 0:
        raise ConfigError(
            f"method.pretrain_epochs: {epochs} exceed trainer.epochs={recipe.trainer.epochs}, of "
            "which they are a part"
        )


def check_queue(length: int, keys: int) -> None:
    """Raises `ConfigError` if a queue of ``length`` cannot hold the ``keys`` of one batch."""
    if length < keys:
        raise ConfigError(
            f"method.queue_length: {length} cannot hold the {keys} keys of one batch; lower "
            "data.batch_size or raise it"
        )


@dataclass
class TwoTowerConfig:
    """An encoder of images and one of texts; defaults: CLIP's (arXiv 2103.00020, section 2.4)."""

    # An architecture of the library open_clip, such as ViT-B-32-quickgelu, in place of the encoders
    # below. Null: those below.
    open_clip: str | None = None
    # Weights to start from; null: none. With `open_clip` a tag of that library, such as openai, or
    # a file, for both encoders. Else a file or "pretrained", for the encoder of images alone.
    initial_weights: str | None = setting(None, names_file=True)
    backbone: str = setting("resnet50", choices=BACKBONES)
    width: int = setting(1, at_least=1)
    stem: str = setting("imagenet", choices=("imagenet", "cifar", "deep"))
    # Each residual block of a ResNet starts as the identity (timm's ResNets).
    zero_init_residual: bool = False
    text: TextTowerConfig = field(default_factory=TextTowerConfig)
    # Width of the common space, to which each encoder has a linear projector without bias.
    dim: int = setting(512, at_least=1)
    # Scores are cosines times this scale: at the start (1 / 0.07), or always where it is fixed. A
    # learnt one stays between 1 and 100 (section 2.5).
    scale: float = setting(1 / 0.07, above=0)
    fixed_scale: bool = False
    # The rate rises over so many optimizer steps, its t-th is (t + 1) / warmup_batches of the full
    # one; 0: optimizer.warmup_epochs tells.
    warmup_batches: int = setting(0, at_least=0)
    # AdamW's epsilon; for vision transformers 1e-6 (open_clip's params.py, after the paper).
    adam_eps: float = setting(1e-8, above=0)
    # No effect on one process.
    sync_batch_norm: bool = True
    # Pairs whose texts have equal tokens are no negatives of each other in CLIP's loss.
    leave_out_duplicates: bool = False

    def check(self, recipe: Any) -> None:
        """Raises `ConfigError` for what other sections of the recipe rule out."""
        self.check_open_clip(recipe)
        if self.warmup_batches and recipe.optimizer.warmup_epochs:
            raise ConfigError(
                "method.warmup_batches, optimizer.warmup_epochs: set one of them to 0"
            )

    def check_open_clip(self, recipe: Any) -> None:
        """Raises `ConfigError` for weights of another activation or texts of other tokens."""
        if self.open_clip is None:
            return
        if self.initial_weights == QUICK_TAG and QUICK_NAME not in self.open_clip:
            raise ConfigError(
                f"method.open_clip={self.open_clip}: the weights {QUICK_TAG} need QuickGELU; add "
                f"-{QUICK_NAME} to the name"
            )
        if recipe.data.tokenizer != "clip_bpe":
            raise ConfigError(
                f"data.tokenizer={recipe.data.tokenizer}: method.open_clip reads clip_bpe alone"
            )


@dataclass
class CLIPConfig(TwoTowerConfig):
    """Plain CLIP (arXiv 2103.00020, section 2.3)."""

    # Share of the target that is spread over all of the batch.
    label_smoothing: float = setting(0.0, at_least=0, below=1)
    # Weight of the direction from images to texts; the other one has the rest.
    image_weight: float = setting(0.5, at_least=0, at_most=1)

    def check(self, recipe: Any) -> None:
        """Raises `ConfigError` for views and captions that CLIP does not use, too."""
        super().check(recipe)
        check_plain_pairs(recipe, "CLIP")
