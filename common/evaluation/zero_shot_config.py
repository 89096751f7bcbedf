"""The settings of the protocol ``zero-shot``."""

from dataclasses import dataclass
from typing import Any

from common.errors import ConfigError
from common.evaluation.config import Measure, ProtocolConfig
from common.settings import setting


@dataclass
class ZeroShotConfig(ProtocolConfig):
    """Protocol ``zero-shot``: the class whose texts an image is nearest to."""

    # "prompts": the mean of a class's prompts, at unit length (CLIP). "descriptors": the mean or
    # largest cosine with descriptions of the class (arXiv 2210.07183). "differential": prompts,
    # then what tells the best classes from each other (FuDD).
    head: str = setting("prompts", choices=("prompts", "descriptors", "differential"))
    # JSON. Of descriptors: class name -> list of descriptions. Of differential: "i_j", two class
    # numbers, -> list of [what is so of i, what is so of j].
    table: str | None = setting(None, names_file=True)
    # For descriptors only.
    aggregate: str = setting("mean", choices=("mean", "max"))
    # For differential: the classes that are told apart.
    k: int = setting(10, at_least=2)

    def check_inputs(self, inputs: Any) -> None:
        """Raises `ConfigError` for data without classes, or a head without its table."""
        from common.evaluation.pair_inputs import require

        require(inputs.classes, "zero-shot", "images with classes")
        if (self.table is None) != (self.head == "prompts"):
            raise ConfigError(
                f"evaluation.zero_shot.table: head={self.head} "
                + ("takes no table; leave it out" if self.table else "needs one; name a JSON file")
            )

    def function(self) -> Measure:
        """Returns `evaluate_zero_shot`."""
        from common.evaluation.zero_shot import evaluate_zero_shot

        return evaluate_zero_shot
