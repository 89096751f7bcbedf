"""The ``evaluation:`` section: which protocols run when, and what the settings of each have.

No torch is imported here, nor where the settings of a protocol are.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, make_dataclass
from functools import cache
from typing import Any, ClassVar

from common.errors import ConfigError
from common.registry import PROTOCOLS, Pair, load
from common.settings import setting

Measure = Callable[[Any, Any, int], dict[str, float]]

# What may be known of samples, in words.
KNOWN = {
    "classes": "a class of each sample",
    "training classes": "classes of training and of tested samples",
    "numbers": "a number of each sample",
    "scored pairs": "pairs with scores (of texts: data.graded=FILE.csv)",
    "partners": "partners of samples, as captions of images",
}


class ProtocolConfig:
    """The settings of a protocol, and what they refuse; a table names the function beside them.

    A reference that learns nothing has inputs whose ``module`` is None: a protocol that trains or
    reads a module measures nothing of it.

    Attributes:
        on_vectors: It measures `common.evaluation.vectors.Vectors` of samples of any kind.
        needs: What must be known of the samples; names of `KNOWN`.
        takes: Else the data modules whose inputs it measures, by their names in `WINGS`. Without
            any it measures what only papers have that declare it.
    """

    on_vectors: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ()
    takes: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def can_measure(cls, kind: str, known: Collection[str]) -> bool:
        """Tells whether it measures samples of the data module ``kind`` and what is known of them.

        Args:
            kind: Its name in `WINGS`.
            known: Names of `KNOWN`.
        """
        return (cls.on_vectors or kind in cls.takes) and set(cls.needs) <= set(known)

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


def handed(settings: ProtocolConfig, inputs: Any) -> Any:
    """Returns what a protocol is given of ``inputs``; None: of what has no vectors nothing."""
    return inputs.vectors if settings.on_vectors else inputs


def fitting(kind: str, known: Collection[str]) -> list[str]:
    """Returns the shared protocols that measure samples.

    Args:
        kind: Their data module, by its name in `WINGS`.
        known: What is known of them, names of `KNOWN`.
    """
    found = ((name, load(settings)) for name, (_, settings) in PROTOCOLS.items())
    return [name for name, settings in found if settings.can_measure(kind, known)]


def check_asked(evaluation: "EvaluationConfig", kind: str, inputs: Callable[[str], Any]) -> None:
    """Refuses protocols that the data cannot be measured by, before compute is spent.

    Args:
        evaluation: The ``evaluation:`` section.
        kind: The data module, by its name in `WINGS`.
        inputs: Returns what protocols measure on a split, of which ``module`` is None.

    Raises:
        ConfigError: Data that lack what a protocol needs, or settings that they rule out.
        DataError: The same of data.
    """
    asked = (
        (evaluation.split, evaluation.protocols),
        (evaluation.online_split, evaluation.online),
    )
    for split, names in asked:
        for name in names:
            settings, found = evaluation.settings(name), inputs(split)
            if settings.on_vectors:
                known = set() if found.vectors is None else found.vectors.known
                require_known(name, settings.needs, kind, known)
            settings.check_inputs(handed(settings, found))


def require_known(name: str, needs: Sequence[str], kind: str, known: Collection[str]) -> None:
    """Raises `ConfigError` where data do not know what the protocol ``name`` needs."""
    lacking = [KNOWN[need] for need in needs if need not in known]
    if lacking:
        raise ConfigError(
            f"evaluation.protocols: {name} needs {' and '.join(lacking)}, and the data have none; "
            f"those that fit: {', '.join(fitting(kind, known))}"
        )


def section_name(protocol: str) -> str:
    """Returns the key of a protocol's settings in ``evaluation:``."""
    return protocol.replace("-", "_")


@dataclass
class EvaluationConfig:
    """Protocols by name, run at the end (``protocols``) and during training (``online``).

    A recipe has a class of its own, with a section for each protocol that its paper declares or
    that it asks for.
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
