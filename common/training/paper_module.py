"""What every paper's module is beside its algorithm: called, saved and loaded in anybody's code."""

from collections.abc import Iterator
from dataclasses import asdict, is_dataclass
from typing import Any, get_args, get_type_hints

import torch
from lightning import LightningModule
from torch import Tensor, nn

from common.bounds import check_values
from common.config.schema import OptimizerConfig
from common.errors import ConfigError
from common.optim.build import configure
from common.training.seen import Seen, probe_settings

# Among the hyperparameters of a checkpoint: the arguments that were the user's own networks.
OWN = "networks"


class PaperModule(LightningModule):
    """A LightningModule made of ``method``, ``optimizer`` and ``facts``, each None or a dataclass.

    A subclass keeps ``optimizer`` and calls `keep_settings` in ``__init__``, so that every
    checkpoint tells how to build the module again, and a logger is told the hyperparameters.

    Attributes:
        evaluation: The protocols of ``Trainer.validate`` and ``Trainer.test``, with their settings.
    """

    optimizer: OptimizerConfig
    # The position of the training: every step ends with `count_batch`.
    batches_seen: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("batches_seen", torch.zeros((), dtype=torch.int64))
        self.evaluation = probe_settings()
        self._seen = Seen()

    def forward(self, *inputs: Any) -> Tensor:
        """Returns what ``embed`` returns."""
        found: Tensor = self.embed(*inputs)  # type: ignore[operator]
        return found

    def configure_optimizers(self) -> Any:
        """Returns the recipe's optimizer over all parameters, and its schedule."""
        return configure(self.parameters(), self.optimizer, self.trainer)

    def training_batches(self) -> Iterator[Any]:
        """Yields the batches of an epoch of the Trainer's, on the module's device."""
        # A training has a loader, which Lightning's annotation leaves open.
        for loaded in self.trainer.train_dataloader:  # type: ignore[union-attr]
            yield self.trainer.strategy.batch_to_device(loaded, self.device)

    def validation_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Keeps what the batch tells; see `Seen`."""
        self._seen.see(self, batch, dataloader_idx)

    def test_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Keeps what the batch tells; see `Seen`."""
        self._seen.see(self, batch, dataloader_idx)

    def on_validation_epoch_end(self) -> None:
        """Logs ``val/`` and the metrics of `evaluation`."""
        self.log_dict(self._seen.measure(self, "val/"))

    def on_test_epoch_end(self) -> None:
        """Logs ``test/`` and the metrics of `evaluation`."""
        self.log_dict(self._seen.measure(self, "test/"))

    def keep_settings(
        self, method: Any, optimizer: OptimizerConfig, facts: Any, **own: nn.Module | None
    ) -> None:
        """Keeps the settings as hyperparameters: plain values, which a checkpoint may hold.

        Args:
            method: The paper's.
            optimizer: The optimizer's.
            facts: Of the data.
            own: The user's own networks by argument, whose classes alone are kept.

        Raises:
            ConfigError: A value beyond the bounds or choices of recipes, as a temperature of 0.
        """
        parts = {"method": method, "optimizer": optimizer, "facts": facts}
        unused = [name for name, network in own.items() if network is not None]
        for name in ("method", "optimizer"):
            if parts[name] is not None:
                check_values(parts[name], name, unused)
        plain = {name: part and asdict(part, dict_factory=_listed) for name, part in parts.items()}
        names = {name: type(part).__name__ for name, part in own.items() if part is not None}
        self.save_hyperparameters({**plain, OWN: names} if names else plain)

    @classmethod
    def settings_types(cls) -> dict[str, type]:
        """Returns the dataclass of each argument of ``__init__`` that takes one."""
        hints = get_type_hints(cls.__init__)
        found = ((name, kind) for name, hint in hints.items() for kind in get_args(hint))
        return {name: kind for name, kind in found if isinstance(kind, type) and is_dataclass(kind)}

    @classmethod
    def load_from_checkpoint(
        cls,
        checkpoint_path: Any,
        map_location: Any = None,
        hparams_file: Any = None,
        strict: bool | None = None,
        weights_only: bool | None = True,
        **given: Any,
    ) -> Any:
        """Returns the module of a checkpoint that a run or a stock Trainer wrote.

        Args:
            checkpoint_path: The file.
            map_location: As in ``torch.load``.
            hparams_file: As in Lightning.
            strict: Whether the weights must fit.
            weights_only: As in Lightning; objects, which could run code, are read in no case.
            given: Arguments of the class in place of the stored ones, and networks of your own.

        Raises:
            ConfigError: If the file tells no settings, settings that the class lacks, or was
                trained with a network that is not given.
        """
        stored = torch.load(checkpoint_path, map_location="cpu", weights_only=True)
        settings = stored.get(cls.CHECKPOINT_HYPER_PARAMS_KEY)
        if settings is None and "method" not in given:
            raise ConfigError(
                f"{checkpoint_path}: tells no settings; give method=, optimizer= and facts="
            )
        for name, network in (settings or {}).get(OWN, {}).items():
            if given.get(name) is None:
                raise ConfigError(
                    f"{checkpoint_path}: trained with a network of your own, {network}, which no "
                    f"file builds; give {name}= one that is built the same"
                )
        for name, kind in cls.settings_types().items():
            values = (settings or {}).get(name)
            given.setdefault(name, values and restored(kind, values, str(checkpoint_path)))
        return super().load_from_checkpoint(
            checkpoint_path, map_location, hparams_file, strict, weights_only, **given
        )


def _listed(values: list[tuple[str, Any]]) -> dict[str, Any]:
    """Returns a dataclass's ``values`` by name, named tuples as lists: no class is stored."""
    return {name: list(value) if hasattr(value, "_fields") else value for name, value in values}


def restored(kind: type, values: dict[str, Any], source: str) -> Any:
    """Returns the dataclass ``kind`` of a checkpoint's ``values``.

    Raises:
        ConfigError: If it has no such field; names ``source``.
    """
    if values.get("initial_weights"):  # the checkpoint's replace them, and the file may be gone
        values = {**values, "initial_weights": None}
    hints = get_type_hints(kind)
    values = {name: _part(hints.get(name), value, source) for name, value in values.items()}
    try:
        return kind(**values)
    except TypeError as error:
        raise ConfigError(
            f"{source}: its settings are not of {kind.__name__}, but of another paper or version "
            f"({error})"
        ) from None


def _part(kind: Any, value: Any, source: str) -> Any:
    if is_dataclass(kind) and isinstance(kind, type):
        return restored(kind, value, source)
    return kind(*value) if hasattr(kind, "_fields") else value
