"""The ``data:`` section of texts. Imports no torch."""

from dataclasses import dataclass
from typing import NamedTuple

from common.data.modality import DataSets
from common.errors import ConfigError
from common.settings import setting

# Sets of a user's own, read from `data.path`.
OWN_SETS = ("entries", "lines", "pairs")


class Special(NamedTuple):
    """Ids of tokens that are no words; the defaults are those of BERT's vocabulary.

    ``first`` opens a text and ``last`` closes it: [CLS] and [SEP].
    """

    pad: int = 0
    unknown: int = 100
    first: int = 101
    last: int = 102
    mask: int = 103


BERT_SPECIAL = Special()


@dataclass(frozen=True)
class TextFacts:
    """What a module must know of the data.

    ``num_words`` counts the vocabulary, special tokens included; ``num_texts`` is of a sample, and
    ``num_targets`` of entries or classes, 0 where targets are scores or there are none.
    """

    num_words: int = 30_522
    special: Special = BERT_SPECIAL
    max_length: int = 32
    num_texts: int = 1
    num_targets: int = 0


@dataclass
class TextConfig:
    """Which texts, how they are cut into tokens, and what protocols measure by."""

    name: str = setting("glossary", choices=DataSets("text"))
    # Where packed sets lie; null: $LIKEWISE_DATA.
    root: str | None = setting(None, result_neutral=True)
    # For `lines` a .txt[.gz], one text a line; for `pairs` a .csv[.gz] with a header;
    # for `entries` a .txt[.gz]: entry TAB definition <|list_more_def|> definition.
    path: str | None = setting(None, result_neutral=True)
    # For `pairs`: columns of texts, and the column to predict (null: none). A score is a number;
    # with `classes` it is a class.
    columns: list[str] = setting(["sentence1", "sentence2"])
    target: str | None = "score"
    classes: bool = False
    # Each text of a pair is a sample of its own, without a target.
    apart: bool = False
    # Pairs with scores that the protocol `sts` measures by, beside a set that has none:
    # `stsb-open`, or a .csv[.gz] with the columns sentence1, sentence2, score and, if wanted, split
    # and genre.
    graded: str | None = setting(None, names_file=True)
    # A folder with tokenizer.json or vocab.txt, or a name on Hugging Face, as
    # method.encoder.checkpoint; null: whole words of the training texts.
    tokenizer: str | None = setting(None, names_file=True)
    # For whole words: how often one occurs at least. Others are unknown.
    min_count: int = setting(2, at_least=1)
    # Tokens of a text in training, the first and the last included; when measured, it is as long as
    # the encoder takes it.
    max_length: int = setting(32, at_least=3)
    # For a user's own set: the share of samples kept for "val", and as many for "test".
    holdout: float = setting(0.1, above=0, below=0.5)
    # Over all processes.
    batch_size: int = setting(64, at_least=2)
    drop_last: bool = True
    # So many batches of texts are sorted by length, so that a batch needs little padding; it
    # changes which texts are in one batch. Null: any order is as likely.
    buckets: int | None = setting(None, at_least=2)
    workers: int = setting(0, at_least=0, result_neutral=True)
    # For `wordnet`: at most so many entries, all with two definitions or more; null: all entries.
    num_entries: int | None = setting(None, at_least=10)
    # For `glossary`: a seed apart from the run's own; entries, definitions of each, graded pairs.
    data_seed: int = setting(0, at_least=0)
    glossary_entries: int = setting(150, at_least=10)
    definitions: int = setting(20, at_least=1)
    num_pairs: int = setting(800, at_least=10)

    def __post_init__(self) -> None:
        """Checks what no single field shows; raises `ConfigError`."""
        if (self.path is None) == (self.name in OWN_SETS):
            raise ConfigError(
                "data.path: needed for data.name=lines, pairs and entries (the file), and for no "
                "other set"
            )
        if self.name == "glossary" and self.tokenizer is not None:
            raise ConfigError(
                f"data.tokenizer={self.tokenizer}: the glossary is of generated words; choose "
                "another data.name"
            )
        if not self.columns or len(set(self.columns)) != len(self.columns):
            raise ConfigError(f"data.columns: {self.columns} must name one column or more, once")
