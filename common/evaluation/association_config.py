"""The settings of the protocol ``association``."""

from dataclasses import dataclass
from typing import Any

from common.errors import ConfigError
from common.evaluation.config import Measure, ProtocolConfig
from common.evaluation.progress import tell
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

    def check_inputs(self, inputs: Any) -> None:
        """Tells which words the tokeniser does not know.

        Raises:
            ConfigError: It knows too few for any test.
            DataError: A file of tests of another form.
        """
        from common.evaluation.association import known_tests

        found, notes = known_tests(inputs, self)
        if not found:
            raise ConfigError(
                "evaluation.association.tests: the data know too few of their words; set "
                "data.tokenizer, or name tests of your own"
            )
        for note in notes:
            tell(note)

    def function(self) -> Measure:
        """Returns `evaluate_association`."""
        from common.evaluation.association import evaluate_association

        return evaluate_association
