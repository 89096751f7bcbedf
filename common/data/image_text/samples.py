"""Batches of images with texts: rows, captions and near images drawn by key, then gathered."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from common.data.image_text.config import ImageTextConfig, TextViewConfig
from common.data.image_text.sets import Captioned
from common.data.image_text.text_views import DRAWS, WordTables, change_text
from common.data.image_text.tokenizers import PairTokenizer
from common.data.images.batch import Unfinished
from common.data.images.config import ImageConfig
from common.data.images.lazy import AnySplit, ImageBatches, LazySplit
from common.data.images.per_sample import Cuts
from common.data.images.sets import Split
from common.data.sampler import BatchKey
from common.distributed.draws import keyed_generator
from common.errors import ConfigError
from common.evaluation.tokens import TokenStore

# Streams of draws beside those of image views, which are numbered from 0: texts by their view,
# hard captions, which near image, and the text and hard caption of that.
TEXTS, HARD, NEAR, NEAR_HARD = 1_000, 2_000, 3_000, 4_000
# Added to the seed for the views of near images.
NEAR_SEED = 1 << 40
PARAPHRASE = "para"
# Numbers drawn for a text: which caption, whether its paraphrase, then what views need.
CAPTION, PARAPHRASED, CHANGES = 0, 1, 2
# For a hard caption: its kind, and which of the kind.
KIND, MEMBER = 0, 1


class PairSamples(NamedTuple):
    """What a step needs before image views are made.

    ``images``: those of the rows, and of near images behind them if there are any; the others as
    in `PairBatch`.
    """

    images: tuple[Unfinished, ...]
    ids: Tensor
    mask: Tensor
    extra_ids: Tensor | None
    extra_mask: Tensor | None
    key: BatchKey


class Ranges:
    """Which rows belong to each of ``count`` owners, where ``owner (rows,)`` rises."""

    def __init__(self, owner: NDArray[np.int64], count: int) -> None:
        self.counts = np.bincount(owner, minlength=count)
        self.starts = np.cumsum(self.counts) - self.counts

    def choose(self, owners: NDArray[np.int64], drawn: NDArray[np.float64]) -> NDArray[np.int64]:
        """Returns a row of each of ``owners``, by numbers ``drawn`` in [0, 1)."""
        counts = self.counts[owners]
        return self.starts[owners] + np.minimum((drawn * counts).astype(np.int64), counts - 1)


@dataclass(frozen=True)
class Texts:
    """A part's texts as tokens, by caption.

    ``captions`` belong to images by ``of_image``; ``kinds`` are variants of each caption.
    """

    captions: TokenStore
    of_image: Ranges
    kinds: dict[str, tuple[TokenStore, Ranges]]

    @classmethod
    def of(cls, part: Captioned, tokenizer: PairTokenizer, kinds: list[str]) -> "Texts":
        """Cuts the captions of ``part`` into tokens, and those of its ``kinds``."""
        captions = tokenizer.encode(part.captions)
        variants = {
            kind: (
                tokenizer.encode(part.kinds[kind].texts),
                Ranges(part.kinds[kind].of, len(captions)),
            )
            for kind in kinds
        }
        return cls(captions, Ranges(part.owner, len(part)), variants)


class WholePairs(Dataset[PairSamples]):
    """Gives all samples of a batch at once; a sample is an image with one of its captions.

    Every draw is a function of (seed, epoch, batch, position in the global batch).

    Args:
        images: Images of the training part.
        texts: Their captions.
        near: ``(images, neighbours)`` near images, or None.
        config: The ``data:`` section.
        views: The views of images in their own terms.
        tables: What text views need.
        seed: Seed of the draws.
    """

    def __init__(
        self,
        images: AnySplit,
        texts: Texts,
        near: NDArray[np.int64] | None,
        config: ImageTextConfig,
        views: ImageConfig,
        tables: WordTables,
        seed: int,
    ) -> None:
        self.images, self.texts, self.near = images, texts, near
        self.config, self.tables, self.seed, self.views = config, tables, seed, views

    def __len__(self) -> int:
        """Returns the number of images."""
        return len(self.images)

    def __getitem__(self, key: BatchKey) -> PairSamples:
        """Returns the samples at ``key.rows``, and a near image of each if they are asked for."""
        rows = key.rows.numpy()
        blocks, images = [(rows, TEXTS, HARD)], [self._images(key, self.seed)]
        if self.near is not None:
            drawn = self._draw(key, NEAR, 2)[:, 0]
            near = self.near[rows, (drawn * self.near.shape[1]).astype(np.int64)]
            blocks.append((near, NEAR + 1, NEAR_HARD))
            near_key = key._replace(rows=torch.from_numpy(near))
            images.append(self._images(near_key, self.seed + NEAR_SEED)._replace(key=key))
        texts, extra = list[NDArray[np.int32]](), list[NDArray[np.int32]]()
        for own, stream, hard_stream in blocks:
            captions, views = self._texts(own, key, stream)
            texts += views
            if self.config.hard_captions:
                extra += self._hard(captions, key, hard_stream)
        ids, mask = self._padded(texts)
        shape = (-1, 1 + self.config.num_strong, ids.shape[1])
        extra_ids, extra_mask = self._padded(extra) if extra else (None, None)
        parts = ids.reshape(shape), mask.reshape(shape), extra_ids, extra_mask
        return PairSamples(tuple(images), *parts, key)

    def _images(self, key: BatchKey, seed: int) -> Unfinished:
        """Returns the images as stored, or their cut views where they lie in files."""
        stored = ImageBatches(self.images)
        if isinstance(self.images, LazySplit):
            return Cuts(stored, self.views, seed)[key]
        return stored[key]

    def _draw(self, key: BatchKey, stream: int, count: int) -> NDArray[np.float64]:
        """Draws for the global batch and returns this process's rows, ``(rows, count)``."""
        generator = keyed_generator(self.seed, key.epoch, key.batch, stream)
        table = torch.rand(key.global_size, count, generator=generator, dtype=torch.float64)
        return table[key.offset : key.offset + len(key.rows)].numpy()

    def _texts(
        self, rows: NDArray[np.int64], key: BatchKey, stream: int
    ) -> tuple[NDArray[np.int64], list[NDArray[np.int32]]]:
        """Returns the caption of each image, and the tokens of all its views, by image."""
        columns, captions = [], np.empty(0, dtype=np.int64)
        for number in range(1 + self.config.num_strong):
            view = self.config.strong_text if number else self.config.weak_text
            drawn = self._draw(key, stream + number, CHANGES + DRAWS)
            if not number:  # as CLIP-rocket's code: one caption of an image for all its views
                captions = self.texts.of_image.choose(rows, drawn[:, CAPTION])
            pairs = zip(captions.tolist(), drawn, strict=True)
            columns.append([self._view(caption, view, own) for caption, own in pairs])
        return captions, [text for views in zip(*columns, strict=True) for text in views]

    def _view(
        self, caption: int, view: TextViewConfig, drawn: NDArray[np.float64]
    ) -> NDArray[np.int32]:
        store = self.texts.captions
        if drawn[PARAPHRASED] < view.paraphrase:
            store, of_caption = self.texts.kinds[PARAPHRASE]
            caption = of_caption.starts[caption]
        ids = store.ids[store.offsets[caption] : store.offsets[caption + 1]]
        if not view.changes:
            return ids
        return np.array(change_text(ids, view, drawn[CHANGES:], self.tables), dtype=np.int32)

    def _hard(
        self, captions: NDArray[np.int64], key: BatchKey, stream: int
    ) -> list[NDArray[np.int32]]:
        """Returns a false caption of each of ``captions``, of a kind drawn for each."""
        kinds, found = self.config.hard_captions, []
        for caption, drawn in zip(captions, self._draw(key, stream, 2), strict=True):
            store, of_caption = self.texts.kinds[kinds[int(drawn[KIND] * len(kinds))]]
            (row,) = of_caption.choose(caption[None], drawn[[MEMBER]])
            found.append(store.ids[store.offsets[row] : store.offsets[row + 1]])
        return found

    def _padded(self, texts: list[NDArray[np.int32]]) -> tuple[Tensor, Tensor]:
        """Returns ids and mask, ``(texts, tokens)``, cut to the context and padded."""
        lengths = np.array([len(text) for text in texts], dtype=np.int64)
        ends = np.concatenate(([0], np.cumsum(lengths)))
        store = TokenStore(np.concatenate(texts), ends, self.texts.captions.pad)
        return store.gather(np.arange(len(texts)), self.config.context)


# Images compared at once.
CHUNK = 256


def find_near(part: Captioned, count: int, title: str) -> NDArray[np.int64] | None:
    """Returns ``(images, count)`` near images of each: those that are listed, or by their pixels.

    Raises:
        ConfigError: Images in files without a list, or fewer than are asked for.
    """
    if not count:
        return None
    listed = part.near
    if listed is None and isinstance(part.images, Split):
        listed = near_by_pixels(part.images.images, count)
    if listed is None:
        raise ConfigError(
            f"data.hard_images={count}: {title} lists no near images; add the column neg_image"
        )
    if listed.shape[1] < count:
        raise ConfigError(
            f"data.hard_images={count}: {title} has {listed.shape[1]} near images each; use fewer"
        )
    return listed[:, :count]


def near_by_pixels(images: Tensor, count: int) -> NDArray[np.int64]:
    """Returns the rows of the ``count`` nearest other images, ``(images, count)``.

    Args:
        images: (images, channels, height, width).
        count: Fewer where there are no more.
    """
    flat = images.flatten(1).float()
    found = []
    for start in range(0, len(flat), CHUNK):
        part = flat[start : start + CHUNK]
        distances = torch.cdist(part, flat)
        own = torch.arange(len(part))
        distances[own, start + own] = torch.inf
        found.append(distances.topk(min(count, len(flat) - 1), largest=False).indices)
    return torch.cat(found).numpy()
