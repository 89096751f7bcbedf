"""What a run asks of its data: the one face by which the pipeline knows them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from common.data.keyed import KeyedData
from common.evaluation.config import EvaluationConfig


class RunData(KeyedData, ABC):
    """A data module as `common.training.fit` uses it; the declarations of `WINGS` name them.

    A recipe's data are built as ``Class(config, seed)`` and read by `load`; all classes here
    take ``read`` as well, a function in place of the reader that ``config.name`` stands for. With
    Lightning's own ``train_dataloader`` the abstract methods are what a class must write. The
    others have a default that asks nothing and says nothing.

    Args:
        seed: With the epoch, the seed of the order.
        batch_size: The global one; None where a class says itself how many samples a step has.
    """

    # References that `references` can give, for `evaluation.references`.
    reference_names: tuple[str, ...] = ()

    def __init__(self, seed: int, batch_size: int | None) -> None:
        super().__init__(seed, batch_size)
        # 16 hex digits over the loaded data, the same on every machine: records are grouped by it,
        # and a run is resumed and evaluated on no other data.
        self.fingerprint = ""

    @abstractmethod
    def load(self) -> None:
        """Reads or makes the data, checks them and takes their fingerprint; once.

        Raises:
            DataError: Missing or broken data.
            ConfigError: Settings of ``data:`` that the data rule out.
        """

    @property
    @abstractmethod
    def facts(self) -> Any:
        """What a module must know of the data: ``module_class(method, optimizer, facts)``."""

    @abstractmethod
    def describe(self) -> str:
        """Returns one line for the console and the log."""

    @abstractmethod
    def evaluation_inputs(self, module: nn.Module, split: str) -> Any:
        """Returns what protocols measure ``module`` by on ``split``."""

    @abstractmethod
    def references(self, split: str) -> Mapping[str, Any]:
        """Returns the same of what learns nothing, for each of `reference_names`."""

    @abstractmethod
    def embed_path(self, module: nn.Module, path: Path) -> dict[str, np.ndarray]:
        """Embeds a user's own data at ``path``, for `papers embed`.

        Returns:
            ``embeddings`` (rows, dim); ``ids`` (rows,) where rows have names, else they are
            numbered; ``labels`` (rows,) where they are known; and what else the paper gives.

        Raises:
            DataError: Nothing to read, or what cannot be used; names the file.
        """

    @property
    def warnings(self) -> Sequence[str]:
        """What may be a slip in the data, a line each; a training warns of them."""
        return ()

    # Each check runs before compute is spent, and raises `ConfigError` or `DataError`.

    def check_training(self) -> None:
        """Refuses data that can be measured but not trained on."""
        return

    def check_split(self, split: str) -> None:
        """Refuses a split that protocols cannot measure."""
        return

    def check_evaluation(self, evaluation: EvaluationConfig) -> None:
        """Refuses protocols and references that the data do not serve."""
        return
