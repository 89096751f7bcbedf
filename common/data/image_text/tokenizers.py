"""Texts to ids: whole words, bytes, or CLIP's byte pairs. Each text ends in `eot`."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

from common.errors import MissingLibrary
from common.evaluation.tokens import TokenStore, pack_tokens

# Ids of what is no word, in the order of `SPECIAL`.
PAD, EOT, UNKNOWN = range(3)
SPECIAL = ("<pad>", "<eot>", "<unk>")
# For CLIP's vocabulary: where a text begins and ends.
CLIP_START, CLIP_END, CLIP_WORDS = 49_406, 49_407, 49_408


class PairTokenizer(ABC):
    """Cuts a text into ids; ``num_words`` counts the vocabulary, special tokens included.

    ``opening`` are the ids before a text.
    """

    num_words: int
    pad, eot, unknown = PAD, EOT, UNKNOWN
    opening: tuple[int, ...] = ()

    @abstractmethod
    def pieces(self, text: str) -> list[int]:
        """Returns the ids of a text, whole and without special tokens."""

    def encode(self, texts: Iterable[str]) -> TokenStore:
        """Returns the ids of each text between what opens it and `eot`."""
        return pack_tokens(
            ([*self.opening, *self.pieces(text), self.eot] for text in texts), self.pad
        )

    def single(self, word: str) -> int | None:
        """Returns the id of ``word``, or None where it is unknown or takes several."""
        ids = self.pieces(word)
        return ids[0] if len(ids) == 1 and ids[0] != self.unknown else None


class Words(PairTokenizer):
    """Lower-case words between white spaces; those beyond ``vocabulary`` are unknown."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self.places = {word: place for place, word in enumerate((*SPECIAL, *vocabulary))}
        self.num_words = len(self.places)

    def pieces(self, text: str) -> list[int]:
        """Returns the id of each word."""
        return [self.places.get(word, UNKNOWN) for word in text.lower().split()]


class Bytes(PairTokenizer):
    """UTF-8: byte b is id b + 3. It needs no vocabulary."""

    num_words = len(SPECIAL) + 256

    def pieces(self, text: str) -> list[int]:
        """Returns the id of each byte."""
        return [byte + len(SPECIAL) for byte in text.encode()]

    def single(self, word: str) -> int | None:
        """Returns None: no word is one token, for a letter within another word is no word."""
        return None


class ClipPairs(PairTokenizer):
    """CLIP's byte-pair encoding, whose vocabulary file lies in the package open_clip.

    Raises:
        MissingLibrary: Without open_clip.
    """

    num_words, pad, eot, unknown = CLIP_WORDS, 0, CLIP_END, 0
    opening = (CLIP_START,)

    def __init__(self) -> None:
        try:
            from open_clip.tokenizer import SimpleTokenizer
        except ImportError as error:
            raise MissingLibrary(
                "data.tokenizer=clip_bpe", "image-text", "open_clip_torch"
            ) from error
        self.library = SimpleTokenizer()

    def pieces(self, text: str) -> list[int]:
        """Returns the ids of the byte pairs."""
        found: list[int] = self.library.encode(text)
        return found

    def single(self, word: str) -> int | None:
        """Returns the id of ``word``, or None where it takes several; none is unknown here."""
        ids = self.pieces(word)
        return ids[0] if len(ids) == 1 else None


def make_tokenizer(name: str, texts: Iterable[str], vocabulary: Sequence[str]) -> PairTokenizer:
    """Returns the tokenizer of `data.tokenizer`.

    Args:
        name: ``words``, ``bytes`` or ``clip_bpe``.
        texts: The training captions, whose words are taken where the set brings none.
        vocabulary: The set's own words.

    Raises:
        MissingLibrary: `clip_bpe` without open_clip.
    """
    if name == "bytes":
        return Bytes()
    if name == "clip_bpe":
        return ClipPairs()
    return Words(vocabulary or sorted({word for text in texts for word in text.lower().split()}))
