"""Whether there are enough labels for a protocol: asked before training, and by the protocol."""

from torch import Tensor

from common.errors import ConfigError
from common.evaluation.config import EvaluationConfig


def check_label_counts(labels: Tensor, protocols: list[str], config: EvaluationConfig) -> None:
    """Raises `ConfigError` if the references' ``labels`` (num,) are too few for a protocol."""
    if "knn" in protocols:
        check_neighbours(len(labels), config.knn.k)
    if "few-label" in protocols:
        check_classes(labels, max(config.few_label.labels, default=0))


def check_neighbours(num: int, k: int) -> None:
    """Raises `ConfigError` if ``num`` labelled samples are fewer than ``k`` neighbours."""
    if k > num:
        raise ConfigError(
            f"evaluation.knn.k={k}: there are only {num} labelled samples to be neighbours"
        )


def check_classes(labels: Tensor, wanted: int) -> None:
    """Raises `ConfigError` if a class of ``labels`` (num,) has fewer than ``wanted`` samples."""
    names, counts = labels.unique(return_counts=True)
    least = int(counts.argmin())
    if int(counts[least]) < wanted:
        raise ConfigError(
            f"evaluation.few_label.labels: class {int(names[least])} has {int(counts[least])} "
            f"labelled samples, {wanted} were to be drawn; name at most that many"
        )
