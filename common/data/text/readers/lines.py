"""Texts one a line, plain or gzipped."""

from pathlib import Path

from common.data.text.config import TextConfig
from common.data.text.sets import Texts, TextSet, keep_apart
from common.errors import DataError
from common.own_data.csv_lines import text_lines

FEWEST = 10
TABLES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")


def own_lines(config: TextConfig) -> TextSet:
    """Reads a user's texts; ``data.holdout`` of them are kept for each of ``val`` and ``test``.

    Raises:
        DataError: Nothing to read, a table, or too few texts.
    """
    path = Path(str(config.path)).expanduser()
    texts = read_texts(path)
    if len(texts) < FEWEST:
        raise DataError(f"{path}: {len(texts)} texts; at least {FEWEST} are needed")
    parts = keep_apart(Texts((texts,)), config.holdout)
    return TextSet(parts.pop("train"), held_out=parts)


def read_texts(path: Path) -> list[str]:
    """Returns the lines of ``path`` that are not blank, runs of blanks in them made one.

    Raises:
        DataError: Nothing to read, or a table, whose lines are no texts.
    """
    if path.name.lower().endswith(TABLES):
        raise DataError(f"{path}: is a table; write its column of texts to a .txt, one text a line")
    texts = [" ".join(line.split()) for line in text_lines(path)]
    texts = [text for text in texts if text]
    if not texts:
        raise DataError(f"{path}: holds no text")
    return texts
