"""The ``evaluation:`` section: which protocols run when, and what the settings of each have.

No torch is imported here, nor where the settings of a protocol are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, make_dataclass
from functools import cache
from typing import Any, ClassVar

from common.errors import ConfigError
from common.registry import Pair, load
from common.settings import setting

Measure = Callable[[Any, Any, int], dict[str, float]]


class ProtocolConfig:
    """The settings of a protocol, and what they refuse; a table names the function beside them.

    A reference that learns nothing has inputs whose ``module`` is None: a protocol that trains or
    reads a module measures nothing of it. ``needs_labels`` tells whether samples without label are
    of no use to the protocol.
    """

    needs_labels: ClassVar[bool] = True

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


def require_part(part: Any, protocol: str, what: str) -> Any:
    """Returns ``part`` of the inputs; raises `ConfigError` where the data do not have it."""
    if part is None or (isinstance(part, Mapping) and not part):
        raise ConfigError(
            f"evaluation.protocols: {protocol} needs {what}, and the data have none; choose others"
        )
    return part


def section_name(protocol: str) -> str:
    """Returns the key of a protocol's settings in ``evaluation:``."""
    return protocol.replace("-", "_")


@dataclass
class EvaluationConfig:
    """Protocols by name, run at the end (``protocols``) and during training (``online``).

    A recipe has a class of its own, with a section for each protocol that its paper declares.
    """

    # By protocol, the ``module:function`` that measures.
    functions: ClassVar[Mapping[str, str]] = {}

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

    def function(self, name: str) -> Measure:
        """Imports what makes metrics of ``evaluation_inputs``, settings and a seed."""
        found: Measure = load(self.functions[name])
        return found


@cache
def evaluation_schema(*protocols: tuple[str, Pair]) -> type[EvaluationConfig]:
    """Returns the section with the settings of ``protocols``, each a name and its pair."""
    sections = []
    for name, (_, settings) in protocols:
        kind = load(settings)
        sections.append((section_name(name), kind, field(default_factory=kind)))
    functions = {name: function for name, (function, _) in protocols}
    return make_dataclass(
        "EvaluationConfig", sections, bases=(EvaluationConfig,), namespace={"functions": functions}
    )
