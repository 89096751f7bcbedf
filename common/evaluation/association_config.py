"""The settings of the protocol ``association``."""

from dataclasses import dataclass

from common.evaluation.config import Measure, ProtocolConfig
from common.settings import setting


@dataclass
class AssociationConfig(ProtocolConfig):
    """Protocol ``association`` of Tan and Celis (NeurIPS 2019): WEAT and SEAT on any encoder."""

    # What stands for a word: the vector of the word alone, of whole sentences with it, or the state
    # of its first piece in those sentences.
    level: str = setting("sentence", choices=("word", "sentence", "word-in-sentence"))
    # A YAML file of tests in place of ours: name -> first, second, toward, away (lists of words)
    # and templates (sentences with {}).
    tests: str | None = setting(None, names_file=True)
    # All splits are counted if they are no more than this; else one less are drawn.
    splits: int = setting(100_000, at_least=2)
    # "normal": the tail of a normal distribution fitted to the drawn splits.
    p_value: str = setting("permutation", choices=("permutation", "normal"))
    # The published code takes a word's state from a sentence without its last token, [SEP].
    drop_last_token: bool = False

    def function(self) -> Measure:
        """Returns `evaluate_association`."""
        from common.evaluation.association import evaluate_association

        return evaluate_association
