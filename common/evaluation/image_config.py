"""The settings of protocols on images."""

from dataclasses import dataclass, field
from math import prod
from typing import Any, ClassVar

from common.errors import ConfigError
from common.evaluation.config import ProtocolConfig
from common.settings import setting


@dataclass
class CropConfig:
    """Random crop and mirror of the images that a protocol trains on (torchvision's)."""

    # Pixels; null: as large as the images that are tested.
    size: int | None = setting(None, at_least=1)
    area: list[float] = setting([0.08, 1.0], above=0, at_most=1)
    flip: float = setting(0.5, at_least=0, at_most=1)


@dataclass
class KnnConfig(ProtocolConfig):
    """Protocol ``knn``: weighted neighbours by cosine, on standardised features by default.

    DINO's k-NN is k=20, temperature=0.07, standardise=false; lightly's k=200, 0.1, false.
    """

    on_vectors: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("training classes",)
    k: int = setting(20, at_least=1)
    # Wu et al. 2018 (and most since) weigh by exp(cosine / 0.07).
    temperature: float = setting(0.07, above=0)
    # Zero mean and unit deviation before the cosine; papers' own k-NN mostly does without.
    standardise: bool = True

    def check_inputs(self, inputs: Any) -> None:
        """Raises `ConfigError` if there are fewer labelled samples than neighbours."""
        self.check_count(len(inputs.train.known))

    def check_count(self, num: int) -> None:
        """Raises `ConfigError` if ``num`` labelled samples are fewer than ``k`` neighbours."""
        if self.k > num:
            raise ConfigError(
                f"evaluation.knn.k={self.k}: there are only {num} labelled samples to be neighbours"
            )


@dataclass
class LinearProbeConfig(ProtocolConfig):
    """Protocol ``linear``: the fast probe, Adam on standardised features."""

    on_vectors: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("training classes",)
    epochs: int = setting(50, at_least=1)
    batch_size: int = setting(256, at_least=1)
    lr: float = setting(0.03, above=0)
    weight_decay: float = setting(0.0, at_least=0)


@dataclass
class LinearSgdConfig(ProtocolConfig):
    """Protocol ``linear-sgd``; the defaults are SwAV's (official repository, eval_linear.py)."""

    takes: ClassVar[tuple[str, ...]] = ("images",)
    needs: ClassVar[tuple[str, ...]] = ("training classes",)
    epochs: int = setting(100, at_least=1)
    batch_size: int = setting(256, at_least=1)
    # To 0 along a half cosine, a step an epoch.
    lr: float = setting(0.3, above=0)
    # Not empty: no cosine; the rate is multiplied by `decay` after each of these epochs.
    milestones: list[int] = setting([], at_least=1)
    decay: float = setting(0.1, above=0)
    momentum: float = setting(0.9, at_least=0, below=1)
    weight_decay: float = setting(1e-6, at_least=0)
    crop: CropConfig = field(default_factory=CropConfig)


@dataclass
class FinetuneConfig(ProtocolConfig):
    """Protocol ``finetune``; the defaults are SwAV's (official readme and eval_semisup.py)."""

    takes: ClassVar[tuple[str, ...]] = ("images",)
    needs: ClassVar[tuple[str, ...]] = ("training classes",)
    # Per cent of the labels; one fine-tuning of its own for each.
    shares: list[float] = setting([1.0, 10.0], above=0, at_most=100)
    # For each share, the rates of the network and of the new classifier.
    trunk_lr: list[float] = setting([0.02, 0.01], at_least=0)
    head_lr: list[float] = setting([5.0, 0.2], above=0)
    # For each share a file of image names, in the data root (SimCLR's 1percent.txt and
    # 10percent.txt for ImageNet); empty: drawn by seed, the same share of each class.
    lists: list[str] = setting([], names_file=True)
    epochs: int = setting(20, at_least=1)
    batch_size: int = setting(256, at_least=2)
    momentum: float = setting(0.9, at_least=0, below=1)
    weight_decay: float = setting(0.0, at_least=0)
    # Both rates are multiplied by `decay` after each of these epochs.
    milestones: list[int] = setting([12, 16], at_least=1)
    decay: float = setting(0.2, above=0)
    crop: CropConfig = field(default_factory=CropConfig)

    def __post_init__(self) -> None:
        """Raises `ConfigError` unless each share has its rates and its list."""
        for name in ("trunk_lr", "head_lr", "lists"):
            given = len(getattr(self, name))
            if given != len(self.shares) and (given or name != "lists"):
                raise ConfigError(
                    f"evaluation.finetune.{name}: {given} values for {len(self.shares)} shares"
                )


@dataclass
class FewLabelConfig(ProtocolConfig):
    """Protocol ``few-label``: a handful of labels of each class, on standardised features."""

    on_vectors: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("training classes",)
    labels: list[int] = setting([1, 5, 10], at_least=1)
    draws: int = setting(10, at_least=1)
    # C of scikit-learn's logistic regression.
    logistic_c: float = setting(0.1, above=0)

    def check_inputs(self, inputs: Any) -> None:
        """Raises `ConfigError` if a class has fewer labelled samples than are to be drawn."""
        check_classes(inputs.train.known, max(self.labels, default=0))


def check_classes(labels: Any, wanted: int) -> None:
    """Raises `ConfigError` if a class of ``labels`` (num,) has fewer than ``wanted`` samples."""
    names, counts = labels.unique(return_counts=True)
    least = int(counts.argmin())
    if int(counts[least]) < wanted:
        raise ConfigError(
            f"evaluation.few_label.labels: class {int(names[least])} has {int(counts[least])} "
            f"labelled samples, {wanted} were to be drawn; name at most that many"
        )


@dataclass
class FactorsConfig(LinearProbeConfig):
    """Protocol ``factors``: a linear probe of each of several factors that one label holds.

    A label counts through all combinations of the factors' classes, and the last factor's class
    changes fastest.
    """

    on_vectors: ClassVar[bool] = False
    takes: ClassVar[tuple[str, ...]] = ("images",)
    # What the factors are called in metrics, and how many classes each has.
    names: list[str] = setting([])
    sizes: list[int] = setting([], at_least=2)
    # Images with a smaller label are left out, and labels count from here.
    from_label: int = setting(0, at_least=0)

    def check(self, recipe: Any) -> None:
        """Raises `ConfigError` unless each factor has a name and a number of classes."""
        if not self.names or len(self.names) != len(self.sizes):
            raise ConfigError(
                f"evaluation: {len(self.names)} names and {len(self.sizes)} sizes of factors; give "
                "one size for each name"
            )

    def check_inputs(self, inputs: Any) -> None:
        """Raises `ConfigError` unless labels are combinations of the factors."""
        count = self.from_label + prod(self.sizes)
        for part in (inputs.train, inputs.test):
            if not self.from_label <= int(part.labels.max()) < count:
                raise ConfigError(
                    f"evaluation: factors of sizes={self.sizes} name labels from {self.from_label} "
                    f"to {count - 1}, the largest here is {int(part.labels.max())}"
                )


@dataclass
class UniformityToleranceConfig(ProtocolConfig):
    """Protocol ``uniformity-tolerance`` of Wang and Liu (arXiv 2012.09740, Eq. 10 and 11)."""

    takes: ClassVar[tuple[str, ...]] = ("images",)
    needs: ClassVar[tuple[str, ...]] = ("classes",)
    # Eq. 10.
    t: float = setting(2.0, above=0)
    # Figure 8 shows the ten nearest negatives.
    top: int = setting(10, at_least=1)
    # Tested images of which two views are compared; as many are drawn by seed where there are more.
    # The nearest negatives come nearer with more images.
    max_images: int = setting(1000, at_least=2)
