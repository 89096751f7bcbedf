"""The settings of protocols on texts."""

from dataclasses import dataclass
from typing import Any, ClassVar

from common.errors import ConfigError
from common.evaluation.association_words import known_tests
from common.evaluation.config import ProtocolConfig
from common.evaluation.progress import tell
from common.settings import setting


@dataclass
class AlignmentUniformityConfig(ProtocolConfig):
    """Protocol ``alignment-uniformity`` of Wang and Isola (arXiv 2005.10242)."""

    on_vectors: ClassVar[bool] = True
    alpha: float = setting(2.0, above=0)
    t: float = setting(2.0, above=0)
    # Pairs are close from this share of the highest score on: 4 of 5 in STS-B.
    close: float = setting(0.8, above=0, at_most=1)


@dataclass
class AssociationConfig(ProtocolConfig):
    """Protocol ``association`` (Tan and Celis, NeurIPS 2019): WEAT and SEAT on any encoder.

    Whether one list of words lies nearer to a third list than another one does: the effect size in
    standard deviations (-2 to 2, 0 is no difference) and its p-value (0 to 1), for each test.
    """

    takes: ClassVar[tuple[str, ...]] = ("text",)
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
        found, notes = known_tests(inputs, self.tests)
        if not found:
            raise ConfigError(
                "evaluation.association.tests: each test has a list of which the tokeniser knows "
                "fewer than two words; name tests in the words of the data with "
                "evaluation.association.tests=FILE.yaml (docs/protocols.md)"
            )
        for note in notes:
            tell(note)


@dataclass
class IsotropyConfig(ProtocolConfig):
    """Protocol ``isotropy`` of Su and Collier (arXiv 2210.14140)."""

    on_vectors: ClassVar[bool] = True
    # The published code measures that many texts at most.
    max_texts: int = setting(2000, at_least=1)
    # The first and the last token of a text too. The paper measured models without such tokens.
    special_tokens: bool = False


@dataclass
class RetrievalConfig(ProtocolConfig):
    """Protocol ``retrieval``: a sample's class among the centred means of all classes.

    Of a glossary: the entry that a held-out definition is of, among all entries.
    """

    on_vectors: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("training classes",)
    cutoffs: list[int] = setting([1, 3, 10], at_least=1)
    # The mean of all entries is taken off entries and definitions: what all texts have in common
    # tells no entry.
    centred: bool = True
    # Definitions compared at once.
    chunk: int = setting(256, at_least=1, result_neutral=True)


@dataclass
class StsConfig(ProtocolConfig):
    """Protocol ``sts``: whether cosines of pairs are ordered as people's scores; no settings.

    Spearman's and Pearson's correlation x 100, from -100 to 100; 0 is chance.
    """

    on_vectors: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("scored pairs",)
