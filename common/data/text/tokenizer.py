"""Texts to ids: whole words of the training texts, or a checkpoint's own tokeniser."""

import json
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from common.backbones.checkpoint_folder import needs_text_extra
from common.data.text.config import Special
from common.errors import DataError
from common.evaluation.tokens import TokenStore, pack_tokens

# In the order of `Special`.
NAMES = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
# As Hugging Face's files call them.
KEYS = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
WORD = re.compile(r"\w+|[^\w\s]")
LONGEST_WORD = 100
# Texts that are cut into pieces at once.
CHUNK = 10_000


class Tokenizer(ABC):
    """Cuts texts into words or pieces of words; `special` and `num_words` tell the vocabulary."""

    special: Special
    # Names of the special tokens, in the order of `Special`.
    names: Sequence[str]
    num_words: int

    @abstractmethod
    def pieces(self, texts: Sequence[str]) -> list[list[int]]:
        """Returns the ids of each text, whole and without special tokens."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Returns what a ``tokenizer.json`` holds."""

    def encode(self, texts: Sequence[str]) -> TokenStore:
        """Returns the ids of each text between the first and the last token."""
        first, last = self.special.first, self.special.last
        parts = (texts[start : start + CHUNK] for start in range(0, len(texts), CHUNK))
        whole = ([first, *ids, last] for part in parts for ids in self.pieces(part))
        return pack_tokens(whole, self.special.pad)

    def encode_pairs(
        self, first: Sequence[str], second: Sequence[str], max_length: int
    ) -> list[tuple[list[int], list[int]]]:
        """Returns ids and token types of two texts in one, as ``[CLS] a [SEP] b [SEP]``."""
        opens, closes = self.special.first, self.special.last
        found = []
        for one, other in zip(self.pieces(first), self.pieces(second), strict=True):
            a, b = cut_pair(one, other, max_length - 3)
            ids = [opens, *a, closes, *b, closes]
            found.append((ids, [0] * (len(a) + 2) + [1] * (len(b) + 1)))
        return found


def cut_pair(first: list[int], second: list[int], places: int) -> tuple[list[int], list[int]]:
    """Cuts two texts to ``places`` in all, as the library tokenizers does ("longest_first").

    The shorter one keeps half of the places if it needs them, the longer one, or the second of two
    as long, what is left.
    """
    shorter = min(len(first), len(second), places // 2)
    longer = places - shorter
    if len(first) + len(second) <= places:
        return first, second
    if len(first) > len(second):
        return first[:longer], second[:shorter]
    return first[:shorter], second[:longer]


class WholeWords(Tokenizer):
    """Lower-cased words and single punctuation marks; a word beyond ``vocabulary`` is unknown.

    Args:
        vocabulary: All tokens, the special ones under the names of `NAMES` among them. Without
            [UNK], an unknown word is read as the mask.
    """

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self.places = {word: place for place, word in enumerate(vocabulary)}
        unknown = self.places.get("[UNK]", self.places["[MASK]"])
        self.special = Special(*(self.places.get(name, unknown) for name in NAMES))
        self.names = [vocabulary[place] for place in self.special]
        self.num_words = len(vocabulary)

    def pieces(self, texts: Sequence[str]) -> list[list[int]]:
        """Returns the id of each word."""
        places, unknown = self.places, self.special.unknown
        return [[places.get(word, unknown) for word in words_of(text)] for text in texts]

    def to_json(self) -> dict[str, Any]:
        """Returns a WordLevel model with the same rules."""
        return {
            "version": "1.0",
            "added_tokens": [_added(self.places[n], n) for n in NAMES if n in self.places],
            "normalizer": {"type": "Lowercase"},
            "pre_tokenizer": {
                "type": "Split",
                "pattern": {"Regex": WORD.pattern},
                "behavior": "Removed",
                "invert": True,
            },
            "post_processor": _brackets(self),
            "model": {"type": "WordLevel", "vocab": self.places, "unk_token": self.names[1]},
        }


def words_of(text: str) -> list[str]:
    """Returns the lower-cased words and punctuation marks of ``text``."""
    return WORD.findall(text.lower())


def count_words(texts: Iterable[str], min_count: int) -> list[str]:
    """Returns the vocabulary of ``texts``: special tokens, then words, the most frequent first."""
    counts = Counter(word for text in texts for word in words_of(text))
    kept = (word for word, count in counts.items() if count >= min_count)
    return [*NAMES, *sorted(kept, key=lambda word: (-counts[word], word))]


class FileTokenizer(Tokenizer):
    """A tokeniser of the library tokenizers.

    Args:
        library: Its ``Tokenizer``, which pads and cuts nothing.
        names: Names of the special tokens, in the order of `NAMES`.
        source: To be named in messages.

    Raises:
        DataError: It does not know one of ``names``.
    """

    def __init__(self, library: Any, names: Sequence[str], source: str) -> None:
        self.library = library
        ids = [library.token_to_id(name) for name in names]
        if None in ids:
            missing = names[ids.index(None)]
            raise DataError(f"{source}: the vocabulary lacks the special token {missing!r}")
        self.special, self.names = Special(*ids), names
        self.num_words = library.get_vocab_size()

    def pieces(self, texts: Sequence[str]) -> list[list[int]]:
        """Returns the ids of the pieces."""
        encoded = self.library.encode_batch_fast(list(texts), add_special_tokens=False)
        return [each.ids for each in encoded]

    def to_json(self) -> dict[str, Any]:
        """Returns what the library writes, with what sets the first and the last token."""
        content: dict[str, Any] = json.loads(self.library.to_str())
        return content | {"post_processor": content["post_processor"] or _brackets(self)}


def word_pieces(
    vocabulary: Sequence[str],
    names: Sequence[str] = NAMES,
    source: str = "vocabulary",
    lower: bool = True,
    accents: bool | None = None,
) -> FileTokenizer:
    """Returns BERT's WordPiece over ``vocabulary``, in which each place is an id.

    Args:
        vocabulary: The pieces.
        names: Names of the special tokens, in the order of `NAMES`.
        source: To be named in messages.
        lower: Whether texts are lower-cased.
        accents: Whether accents are taken off; None: where texts are lower-cased.

    Raises:
        MissingLibrary: Without the library tokenizers.
        DataError: A vocabulary without one of the special tokens ``names``.
    """
    with needs_text_extra("data.tokenizer"):
        from tokenizers import Tokenizer as Library
        from tokenizers.models import WordPiece
        from tokenizers.normalizers import BertNormalizer
        from tokenizers.pre_tokenizers import BertPreTokenizer
    places = {word: place for place, word in enumerate(vocabulary)}
    model = WordPiece(places, unk_token="[UNK]", max_input_chars_per_word=LONGEST_WORD)
    library = Library(model)
    library.normalizer = BertNormalizer(lowercase=lower, strip_accents=accents)
    library.pre_tokenizer = BertPreTokenizer()
    return FileTokenizer(library, names, source)


def read_tokenizer(folder: Path) -> FileTokenizer:
    """Reads ``tokenizer.json``, or else ``vocab.txt`` as BERT's WordPiece.

    That is uncased, unless ``tokenizer_config.json`` has ``do_lower_case: false``.

    Raises:
        DataError: Neither file is in ``folder``, or it cannot be read.
        MissingLibrary: Without the library tokenizers.
    """
    file, vocabulary = folder / "tokenizer.json", folder / "vocab.txt"
    if not file.is_file():
        if not vocabulary.is_file():
            raise DataError(f"{folder}: holds no tokenizer.json and no vocab.txt")
        words, told = vocabulary.read_text(encoding="utf-8").splitlines(), settings_of(folder)
        case = told.get("do_lower_case", True), told.get("strip_accents")
        return word_pieces(words, special_names(told), str(vocabulary), *case)
    with needs_text_extra("data.tokenizer"):
        from tokenizers import Tokenizer as Library
    try:
        library = Library.from_file(str(file))
    except Exception as error:  # the library raises Exception itself
        raise DataError(f"{file}: not readable as a tokeniser: {error}") from None
    library.no_padding()
    library.no_truncation()
    return FileTokenizer(library, special_names(settings_of(folder)), str(file))


def settings_of(folder: Path) -> dict[str, Any]:
    """Returns what a checkpoint's JSON files tell of its tokeniser."""
    found: dict[str, Any] = {}
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        path = folder / name
        if path.is_file():
            found |= json.loads(path.read_text(encoding="utf-8"))
    return found


def special_names(found: dict[str, Any]) -> list[str]:
    """Returns the names of the special tokens by a checkpoint's settings, else BERT's."""
    named = [found.get(key, name) for key, name in zip(KEYS, NAMES, strict=True)]
    return [each["content"] if isinstance(each, dict) else each for each in named]


def _added(place: int, name: str) -> dict[str, Any]:
    flags = ("single_word", "lstrip", "rstrip", "normalized")
    return {"id": place, "content": name, **dict.fromkeys(flags, False), "special": True}


def _brackets(tokenizer: Tokenizer) -> dict[str, Any]:
    """Returns what sets the first and the last token, of one text or of two."""
    special, names = tokenizer.special, tokenizer.names
    return {
        "type": "BertProcessing",
        "sep": [names[3], special.last],
        "cls": [names[2], special.first],
    }
