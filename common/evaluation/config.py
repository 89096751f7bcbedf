"""The ``evaluation:`` section: which protocols run when, and what the settings of each have.

No torch is imported here, nor where the settings of a protocol are.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, make_dataclass
from functools import cache
from typing import Any, ClassVar

from common.settings import setting

Measure = Callable[[Any, Any, int], dict[str, float]]


class ProtocolConfig:
    """A protocol: its fields are its settings, and ``function`` imports what it computes with.

    A reference that learns nothing has inputs whose ``module`` is None: a protocol that trains or
    reads a module measures nothing of it. ``needs_labels`` tells whether samples without label are
    of no use to the protocol.
    """

    needs_labels: ClassVar[bool] = True

    def function(self) -> Measure:
        """Returns what makes metrics of the data's ``evaluation_inputs``, this and a seed."""
        raise NotImplementedError

    def check(self, recipe: Any) -> None:
        """Refuses, with a `ConfigError`, a recipe that the protocol cannot measure."""
        return

    def check_inputs(self, inputs: Any) -> None:
        """Refuses data that it cannot measure, before a module is built: ``module`` is None.

        Raises:
            ConfigError: Settings that the data rule out.
            DataError: Data that lack what it needs.
        """
        return


def section_name(protocol: str) -> str:
    """Returns the key of a protocol's settings in ``evaluation:``."""
    return protocol.replace("-", "_")


@dataclass
class EvaluationConfig:
    """Protocols by name, run at the end (``protocols``) and during training (``online``).

    A recipe has a class of its own, with a section for each protocol that its paper declares.
    """

    protocols: list[str] = field(default_factory=list)
    # What `protocols` measures at the end. A run on "val" is a pilot, by which a setting is chosen:
    # it never sees the test split.
    split: str = setting("test", choices=("test", "val"))
    online: list[str] = field(default_factory=list)
    every_epochs: int = setting(1, at_least=1)
    # A batch interval instead of every_epochs, for epochs that are long or short.
    every_batches: int | None = setting(None, at_least=1)
    # The key that `select: best` and `patience` watch, such as val/mrr@10 or train/epoch_loss.
    monitor: str | None = None
    mode: str = setting("max", choices=("max", "min"))
    # Evaluations without improvement before training stops; null: never.
    patience: int | None = setting(None, at_least=0)
    select: str = setting("last", choices=("last", "best"))
    # What `online` measures. "test" is for a paper's code that picks its checkpoint by the tested
    # images.
    online_split: str = setting("val", choices=("val", "test"))
    # Measures the best weights by `monitor` too, as <split>/best_...; the last stay the result.
    also_best: bool = False
    # Learning-free or untrained encoders measured beside the result.
    references: list[str] = field(default_factory=lambda: ["untrained", "raw"])

    @property
    def looked_at(self) -> str | None:
        """The split by which a pilot is judged; None: the run is no pilot."""
        return None if self.split == "test" else self.split

    @property
    def keeps_best(self) -> bool:
        """Whether the best weights are written during training."""
        return self.select == "best" or self.also_best

    def settings(self, name: str) -> ProtocolConfig:
        """Returns the section of protocol ``name``."""
        found: ProtocolConfig = getattr(self, section_name(name))
        return found


@cache
def with_protocols(*protocols: tuple[str, type]) -> type[EvaluationConfig]:
    """Returns the section with the settings of ``protocols``, each a name and a dataclass."""
    sections = [(section_name(name), kind, field(default_factory=kind)) for name, kind in protocols]
    return make_dataclass("EvaluationConfig", sections, bases=(EvaluationConfig,))
