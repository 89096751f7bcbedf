"""Inputs in units: words of a text, items of a user, steps of a series, patches of an image.

Each kind reads an input as the command names it, explains its score beside another input, and gives
the samples of a generated set of which it is known which units matter.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from common.data.image_text import grammar
from common.data.image_text.evaluation import TestedImages
from common.data.image_text.sets import without_labels
from common.data.images.evaluation import EvaluatedImages, split_pair
from common.data.images.sets import Split
from common.data.series.sets import LabelledSeries, scale_labelled
from common.errors import UsageError
from common.explain.attribution import Explained
from common.losses.precision import unit
from common.registry import READERS

# Rows of an image's patches, and columns.
GRID = 8
# Images that patches are drawn from.
POOL = 64
# A week of hours: a window is known to be like the one before it, and they do not overlap.
WEEK = 168


class Known(NamedTuple):
    """An input, what it is compared with, and which of its units matter, ``(units,)``."""

    given: Any
    other: Any
    truth: NDArray[np.bool_]


class Units(ABC):
    """Inputs of one kind of data, read by a module in evaluation mode, on the CPU.

    Args:
        data: The run's data module, loaded.
        module: The run's module, or an untrained one.
        source: The run's folder, for messages.
    """

    # What INPUT and --with are.
    form: str

    def __init__(self, data: Any, module: Any, source: str) -> None:
        self.data, self.module, self.source = data, module, source

    @abstractmethod
    def explain(self, given: str, other: str | None) -> Explained:
        """Returns ``given`` in units and its score beside ``other``, both as the command has them.

        Raises:
            UsageError: One of them is missing or not of the form.
        """

    def known(self) -> list[Known]:
        """Returns the samples of which it is known what matters, or none."""
        return []

    def of_known(self, known: Known) -> Explained:
        """Returns a sample of `known` in units."""
        return self.explain(known.given, known.other)

    def need(self, other: str | None) -> str:
        """Returns ``other``; raises `UsageError` where it is missing."""
        if other is None:
            raise UsageError(f"--with: say what INPUT is compared with; both are {self.form}")
        return other

    def row(self, text: str, count: int) -> int:
        """Returns the row that ``text`` names, of ``count`` that there are."""
        if not text.isdecimal() or int(text) >= count:
            raise UsageError(f"row {text!r}: choose one of 0 to {count - 1}")
        return int(text)


def similarity(vectors: Callable[[Tensor], Tensor], other: Tensor) -> Callable[[Tensor], Tensor]:
    """Returns the cosine of ``vectors(x)`` with ``other (dim,)``, mapped to 0..1."""
    beside = unit(other.detach())
    return lambda x: (1 + unit(vectors(x)) @ beside) / 2


def similar(score: Callable[[Tensor], Tensor], x: Tensor, to: str) -> str:
    """Returns what such a score of ``x`` is, in words."""
    return f"the cosine with {to} is {2 * value(score, x) - 1:.3f}"


def value(score: Callable[[Tensor], Tensor], x: Tensor) -> float:
    """Returns the score of one input."""
    with torch.no_grad():
        return float(score(x[None]))


def table_of(module: nn.Module, ids: Tensor, read: Callable[[], Any]) -> nn.Embedding:
    """Returns the layer that ``read`` looks ``ids (1, tokens)`` up in."""
    found: list[nn.Embedding] = []

    def note(layer: nn.Module, args: Any, _vectors: Tensor) -> None:
        if args[0].shape == ids.shape and torch.equal(args[0], ids):
            found.append(layer)  # type: ignore[arg-type]

    layers = [layer for layer in module.modules() if isinstance(layer, nn.Embedding)]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    try:
        with torch.no_grad():
            read()
    finally:
        for hook in hooks:
            hook.remove()
    if not found:
        raise UsageError("this encoder looks its tokens up in no nn.Embedding: it has no vectors")
    return found[0]


def looked_up(
    module: nn.Module,
    ids: Tensor,
    embed: Callable[[Tensor], Tensor],
    names: list[str],
    place: Tensor,
    score_of: Callable[[Callable[[Tensor], Tensor]], Callable[[Tensor], Tensor]],
    to: Callable[[Callable[[Tensor], Tensor], Tensor], str],
) -> Explained:
    """Returns tokens in units; what is explained are the vectors that they are looked up as.

    Args:
        module: Holds the table.
        ids: ``(1, tokens)``.
        embed: Takes ids ``(n, tokens)`` and returns vectors ``(n, dim)``.
        names: Of the units.
        place: ``(tokens,)``, the unit of each token, ``len(names)`` for none.
        score_of: Makes a score of what gives vectors.
        to: Says what a score of ``x`` is.
    """
    table = table_of(module, ids, lambda: embed(ids))
    weight = table.weight.detach()
    x = weight[ids[0]]

    def vectors(values: Tensor) -> Tensor:
        hook = table.register_forward_hook(lambda *_: values)
        try:
            return embed(ids.expand(len(values), -1))
        finally:
            hook.remove()

    def draw(generator: torch.Generator, count: int) -> Tensor:
        return weight[torch.randint(len(weight), (count, len(x)), generator=generator)]

    score = score_of(vectors)
    places = place[:, None].expand_as(x)
    # The mean of the table says nothing: neither a mask nor an unknown token is in each of them.
    blank = weight.mean(0).expand_as(x)
    return Explained(names, x, places, blank, score, draw, to(score, x), words=True)


class TextUnits(Units):
    """Words of a text, and the cosine of its vector with another text's."""

    form = "texts in quotes, FILE:ROW or test:ROW"

    def explain(self, given: str, other: str | None) -> Explained:
        """Returns the words of ``given`` beside the text ``other``."""
        beside = self.text(self.need(other))
        return self.words(self.text(given), self.vector(beside), f'"{beside}"')

    def text(self, given: str) -> str:
        """Returns the text at ``FILE:ROW`` or ``test:ROW``, else ``given`` itself."""
        if not is_place(given):
            return given
        path, row = parted(given)
        if path is not None:
            texts = READERS.get("text")(path)
        else:
            tested = self.data.set.graded.get("test") or self.data.set.held_out.get("test")
            texts = tested.columns[0] if tested is not None else []
            if not len(texts):
                raise UsageError(f"{given}: {self.source} holds no texts out; give FILE:ROW")
        return str(texts[self.row(row, len(texts))])

    def tokens(self, texts: list[str]) -> tuple[Tensor, Tensor, NDArray[np.int64]]:
        """Returns ids and mask of the last of ``texts``, ``(1, tokens)``, and all lengths."""
        store = self.data.tokenizer.encode(texts)
        longest = getattr(getattr(self.module, "backbone", None), "num_positions", None)
        ids, mask = store.gather(np.array([len(texts) - 1]), longest or self.data.config.context)
        return ids, mask, store.lengths

    def embed(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Returns the vectors of texts."""
        vectors: Tensor = self.module.embed(ids, mask)
        return vectors

    @torch.no_grad()
    def vector(self, text: str) -> Tensor:
        """Returns the vector of one text, ``(dim,)``."""
        ids, mask, _ = self.tokens([text])
        return self.embed(ids, mask)[0]

    def words(self, text: str, other: Tensor, title: str) -> Explained:
        """Returns the words of ``text`` beside a vector; a word may have several tokens."""
        words = text.split()
        if not words:
            raise UsageError("INPUT: a text without words")
        ids, mask, lengths = self.tokens([" ".join(words[:n]) for n in range(len(words) + 1)])
        # A text ends in a closing token; the tokens before it belong to its words in order.
        place = np.searchsorted(lengths - 1, np.arange(ids.shape[1]), side="right") - 1
        place[place < 0] = len(words)
        return looked_up(
            self.module,
            ids,
            lambda rows: self.embed(rows, mask.expand(len(rows), -1)),
            words,
            torch.from_numpy(place),
            lambda vectors: similarity(vectors, other),
            lambda score, x: similar(score, x, title),
        )

    def known(self) -> list[Known]:
        """Returns graded pairs of the glossary: words of a meaning that both sentences have."""
        graded = self.data.set.graded.get("test")
        if self.data.config.name != "glossary" or graded is None:
            return []
        found = []
        for first, second in zip(*graded.columns, strict=True):
            meanings = {meaning_of(word) for word in second.split()} - {None}
            truth = np.array([meaning_of(word) in meanings for word in first.split()])
            found.append(Known(first, second, truth))
        return found


def meaning_of(word: str) -> str | None:
    """Returns the meaning of a word of the glossary, which its synonyms share; None of a filler."""
    return word[:-1] if word.startswith("meaning") else None


class PairUnits(TextUnits):
    """Words of a caption beside an image, or patches of an image beside a caption."""

    form = "a caption in quotes and an image, FOLDER:ROW or test:ROW, in either order"

    def embed(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Returns the vectors of captions that are compared with images."""
        vectors: Tensor = self.module.project_text(ids, mask)
        return vectors

    def explain(self, given: str, other: str | None) -> Explained:
        """Returns ``given`` in words or patches, whichever it is."""
        other = self.need(other)
        if is_place(other) and is_place(given):
            raise UsageError(f"{given} --with {other}: give {self.form}")
        if is_place(other):
            return self.words(given, self.image_vector(self.image(other)), other)
        pool = self.images(self.data.set.held_out["test"].images, range(POOL))
        project = self.module.project_image
        return patches(self.image(given), pool, project, self.vector(other), f'"{other}"')

    def image(self, given: str) -> Tensor:
        """Returns the image at ``FOLDER:ROW`` or ``test:ROW``, ``(channels, height, width)``."""
        path, row = parted(given)
        split = self.data.set.held_out["test"].images
        if path is not None:
            split, _ = READERS.get("image-files")(path)
        return self.images(split, [self.row(row, len(split))])[0]

    def images(self, split: Any, rows: Any) -> Tensor:
        """Returns images as they are tested."""
        some = split.rows(torch.tensor([row for row in rows if row < len(split)]))
        return torch.cat(list(TestedImages(some, self.data.views).whole(torch.device("cpu"))))

    @torch.no_grad()
    def image_vector(self, image: Tensor) -> Tensor:
        """Returns the vector of one image, ``(dim,)``."""
        vector: Tensor = self.module.project_image(image[None])[0]
        return vector

    def known(self) -> list[Known]:
        """Returns captions of `relations` with their images: all words but those of its grammar."""
        if self.data.config.name != "relations":
            return []
        empty = {word for phrase in grammar.OPENERS for word in phrase.split()}
        empty |= set(grammar.OTHER_WORDS)
        part = self.data.set.held_out["test"]
        return [
            Known(text, f"test:{owner}", np.array([word not in empty for word in text.split()]))
            for text, owner in zip(part.captions, part.owner.tolist(), strict=True)
        ]


class ImageUnits(Units):
    """Patches of an image, and the cosine of its vector with another image's."""

    form = "images, FOLDER:ROW or test:ROW"

    def explain(self, given: str, other: str | None) -> Explained:
        """Returns the patches of ``given`` beside the image ``other``."""
        other = self.need(other)
        embed = self.module.embed
        with torch.no_grad():
            vector = embed(self.image(other)[None])[0]
        pool = self.tested(split_pair(self.data.set, "test", self.data.config)[1], range(POOL))
        return patches(self.image(given), pool, embed, vector, other)

    def image(self, given: str) -> Tensor:
        """Returns one image as it is tested."""
        path, row = parted(given)
        split: Any = split_pair(self.data.set, "test", self.data.config)[1]
        if path is not None and isinstance(split, Split):
            images, _ = READERS.get("images")(path, tuple(split.images.shape[1:]))
            split = Split(images, torch.zeros(len(images), dtype=torch.int64))
        elif path is not None:
            split, _ = READERS.get("image-files")(path)
        return self.tested(split, [self.row(row, len(split))])[0]

    def tested(self, split: Any, rows: Any) -> Tensor:
        """Returns images as they are tested, ``(rows, channels, height, width)``."""
        some = split.rows(torch.tensor([row for row in rows if row < len(split)]))
        images = EvaluatedImages(without_labels(some), self.data.config)
        return torch.cat(list(images.whole(torch.device("cpu"))))


def patches(
    x: Tensor, pool: Tensor, embed: Callable[[Tensor], Tensor], other: Tensor, title: str
) -> Explained:
    """Returns an image in patches; replaced ones are those of other images at the same place.

    Args:
        x: ``(channels, height, width)``.
        pool: Other images, ``(num, channels, height, width)``.
        embed: Images to vectors.
        other: The vector that it is compared with, ``(dim,)``.
        title: What that is called.
    """
    height, width = x.shape[1:]
    rows, columns = min(GRID, height), min(GRID, width)
    row = torch.arange(height) * rows // height
    column = torch.arange(width) * columns // width
    place = (row[:, None] * columns + column).expand_as(x)
    names = [f"row {r} column {c}" for r in range(rows) for c in range(columns)]
    score = similarity(embed, other)
    return Explained(
        names,
        x,
        place,
        x.mean((1, 2), keepdim=True).expand_as(x),
        score,
        lambda generator, count: pool[torch.randint(len(pool), (count,), generator=generator)],
        similar(score, x, title),
    )


class SeriesUnits(Units):
    """Steps of a window or a short series, and the cosine of its largest states with another's."""

    form = "series, FILE:ROW or test:ROW (a window's last step, or a short series' number)"

    def explain(self, given: str, other: str | None) -> Explained:
        """Returns the steps of ``given`` beside the series ``other``."""
        return self.steps(self.values(given), self.values(self.need(other)), str(other))

    def of_known(self, known: Known) -> Explained:
        """Returns the steps of one window beside another."""
        return self.steps(known.given, known.other, "the window a week before")

    def steps(self, x: Tensor, other: Tensor, title: str) -> Explained:
        """Returns ``x (steps, channels)`` beside ``other``, of other steps or as many."""

        def vectors(values: Tensor) -> Tensor:
            found: Tensor = self.module.embed(values).amax(1)
            return found

        def draw(generator: torch.Generator, count: int) -> Tensor:
            return x[torch.randint(len(x), (count, len(x)), generator=generator)]

        with torch.no_grad():
            beside = vectors(other[None])[0]
        score = similarity(vectors, beside)
        place = torch.arange(len(x))[:, None].expand_as(x)
        names = [f"step {step}" for step in range(len(x))]
        blank = x.mean(0).expand_as(x)
        return Explained(names, x, place, blank, score, draw, similar(score, x, title))

    def values(self, given: str) -> Tensor:
        """Returns ``(steps, channels)``, standardised; a short series without its padding."""
        path, row = parted(given)
        long, data = self.data.long, self.data
        if long is not None:
            inputs, window = long.inputs, data.config.window
            start, end = long.parts["test"]
            if path is not None:
                own, _ = READERS.get("series")(path, data.config, long)
                inputs, (start, end) = own.inputs, (0, own.inputs.shape[1])
            last = start + self.row(row, end - start)
            if last < window - 1:
                raise UsageError(f"row {row}: before it there are not {window} steps")
            return torch.nan_to_num(inputs[0, last - window + 1 : last + 1])
        train, x = data.labelled.x["train"], data.labelled.x["test"]
        if path is not None:
            x, _ = READERS.get("labelled-series")(path, train.shape[2])
        scaled = scale_labelled(LabelledSeries({"train": train, "test": x}, {}, ()))["test"]
        place = self.row(row, len(x))
        there = int((~x[place].isnan().all(1)).nonzero().max()) + 1
        return scaled[place, :there]

    def known(self) -> list[Known]:
        """Returns windows of a generated series and those a week before; informative steps."""
        long, window = self.data.long, self.data.config.window
        if long is None or long.informative is None:
            return []
        start, end = long.parts["test"]
        places = np.linspace(start + window + WEEK, end, 200).astype(int)
        return [
            Known(
                long.inputs[0, last - window : last],
                long.inputs[0, last - window - WEEK : last - WEEK],
                long.informative[last - window : last].numpy().astype(bool),
            )
            for last in places.tolist()
        ]


class ClickUnits(Units):
    """A user's items, and the probability of the next one among all."""

    form = (
        "items with blanks between them, or with commas where a name has blanks, or test:ROW, a "
        "user; --with is one item"
    )

    def explain(self, given: str, other: str | None) -> Explained:
        """Returns the items of ``given``; ``other`` is the next one, or else the likeliest."""
        ids = self.data.sequences.known_items()
        numbers = {str(name): place for place, name in enumerate(ids.tolist(), start=1)}
        items = self.items(given, numbers)[-self.data.config.max_length :]
        rows, module = torch.tensor([items]), self.module
        with torch.no_grad():
            table = module.item_table()
        lengths = torch.tensor([len(items)])

        def embed(some: Tensor) -> Tensor:
            vectors: Tensor = module.embed(some, lengths.expand(len(some)))
            return vectors

        def likely(vectors: Tensor) -> Tensor:
            scores = vectors @ table[: len(ids) + 1].T
            return scores[:, 1:].softmax(1)

        with torch.no_grad():
            best = int(likely(embed(rows)).argmax()) + 1
        item = best if other is None else self.number(other, numbers)
        return looked_up(
            module,
            rows,
            embed,
            [str(ids[item - 1]) for item in items],
            torch.arange(len(items)),
            lambda vectors: lambda x: likely(vectors(x))[:, item - 1],
            lambda score, x: f"item {ids[item - 1]} is next with probability {value(score, x):.3g}",
        )

    def items(self, given: str, numbers: dict[str, int]) -> list[int]:
        """Returns the numbers of the items that ``given`` names."""
        if is_place(given):
            path, row_text = parted(given)
            if path is not None:
                raise UsageError(f"{given}: give {self.form}")
            sequences = self.data.sequences
            row = self.row(row_text, len(sequences.lengths))
            own = sequences.items[sequences.offsets[row] : sequences.offsets[row + 1] - 1]
            return [int(item) for item in own]
        names = given.split(",") if "," in given else [given] if given in numbers else given.split()
        found = [self.number(name.strip(), numbers) for name in names]
        if not found:
            raise UsageError("INPUT: no items")
        return found

    def number(self, name: str, numbers: dict[str, int]) -> int:
        """Returns the number of an item; raises `UsageError` for one that the run does not know."""
        if name not in numbers:
            raise UsageError(f"item {name!r}: {self.source} does not know it")
        return numbers[name]


def is_place(given: str) -> bool:
    """Tells whether ``given`` is ``test:ROW``, or a file or folder that is there, and ``:ROW``."""
    source, colon, row = given.rpartition(":")
    return (
        bool(colon)
        and row.isdecimal()
        and (source == "test" or os.path.exists(os.path.expanduser(source)))
    )


def parted(given: str) -> tuple[Path | None, str]:
    """Returns the file, or None for the run's own test part, and the row, in text.

    Raises:
        UsageError: It is neither, or there is no such file.
    """
    if not is_place(given):
        raise UsageError(f"{given!r}: give test:ROW or PATH:ROW, a row of a file that is there")
    source, _, row = given.rpartition(":")
    return (None if source == "test" else Path(source).expanduser()), row


# By the kind of a run's data.
KINDS: dict[str, type[Units]] = {
    "image_text": PairUnits,
    "images": ImageUnits,
    "sequences": ClickUnits,
    "series": SeriesUnits,
    "text": TextUnits,
}
