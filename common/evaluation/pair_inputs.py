"""What protocols on images with texts measure: vectors of both, and what is known of them.

A module on pairs has ``project_image(images)`` and ``project_text(ids, mask)``, which give vectors
``(batch, dim)`` of any norm in one space.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from common.backbones.modes import evaluating
from common.evaluation.config import require_part
from common.evaluation.frozen import require_finite
from common.evaluation.progress import show_progress
from common.evaluation.tokens import TokenStore
from common.evaluation.vectors import Part, Partners, Vectors
from common.losses.precision import unit

# Texts embedded at once, and images compared at once by their pixels.
CHUNK = 256


class WholeImages(Protocol):
    """Images in the form in which they are tested; identity decides what is embedded once."""

    def __hash__(self) -> int:
        """Returns the same for the same object alone."""
        ...

    @property
    def labels(self) -> Tensor:
        """One number an image; they are counted."""
        ...

    def whole(self, device: torch.device) -> Iterator[Tensor]:
        """Yields all images in order, ``(batch, C, H, W)``, as a module takes them."""

    def pixels(self) -> Tensor:
        """Returns all images in order as vectors, ``(images, dim)`` in 0..1."""
        ...


class CaptionedImages(NamedTuple):
    """Images with one caption or more each.

    ``owner (captions,)`` is the image of each caption. ``labels (images,)`` is a class that an
    image and its captions both tell, for a classifier that moves from texts to images.
    """

    images: WholeImages
    captions: TokenStore
    owner: NDArray[np.int64]
    labels: NDArray[np.int64] | None = None


class FalseCaptions(NamedTuple):
    """False captions, each beside a true one: caption ``of`` (a row of the inputs' captions).

    ``groups``: the number of each one's group, such as its relation.
    """

    texts: TokenStore
    of: NDArray[np.int64]
    groups: NDArray[np.int64] | None = None


class Classes(NamedTuple):
    """Labelled images, the classes' names, and templates of prompts with one ``{}`` each."""

    images: WholeImages
    labels: NDArray[np.int64]
    names: Sequence[str]
    prompts: Sequence[str]


@dataclass
class PairInputs:
    """What a split gives; each part is embedded once, when a protocol first asks for it.

    Args:
        module: None of a reference that learns nothing: a text's vector counts its words, and an
            image has the words of the training image that is nearest to it by pixels.
        images: Images of the measured split.
        captions: All of them.
        owner: ``(captions,)`` the image of each.
        encode: Cuts texts into tokens.
        context: The most tokens of a text; a longer one keeps its last, which closes it.
        num_words: The size of the vocabulary.
        choices: By kind.
        classes: For zero-shot classification.
        labels: ``(images,)``, as those of `CaptionedImages`.
        train: Pairs of the training split, at most 5,000.
        truths: By name, what is so of each image ``(images, facts)`` and what each caption says
            ``(captions, facts)``, -1 where it says nothing of a fact: a caption is true of an
            image where nothing that it says differs.
    """

    module: Any
    images: WholeImages
    captions: TokenStore
    owner: NDArray[np.int64]
    encode: Callable[[Sequence[str]], TokenStore]
    context: int
    num_words: int
    choices: Mapping[str, FalseCaptions] = field(default_factory=dict)
    classes: Classes | None = None
    labels: NDArray[np.int64] | None = None
    train: CaptionedImages | None = None
    truths: Mapping[str, tuple[NDArray[np.int64], NDArray[np.int64]]] = field(default_factory=dict)
    _found: dict[Hashable, Tensor] = field(default_factory=dict)

    @property
    def vectors(self) -> Vectors:
        """Vectors of the split's images, whose partners are their captions."""
        captions, train = Part(partial(self.text_vectors, self.captions)), self.train
        return Vectors(
            Part(self.image_vectors, _classes(self.labels)),
            train and Part(partial(self.image_vectors, train.images), _classes(train.labels)),
            partners=Partners(captions, self.owner, ("image", "text"), self.truths),
            learnt=self.module is not None,
        )

    def image_vectors(self, images: WholeImages | None = None) -> Tensor:
        """Returns ``(images, dim)``, unit rows on the CPU in float32 or wider.

        Args:
            images: Default: those of the measured split.

        Raises:
            LikewiseError: Some are NaN.
            ConfigError: A reference asks for training pairs, and there are none.
        """
        images = self.images if images is None else images
        if images not in self._found:
            embed = self._words_of_nearest if self.module is None else self._project_images
            self._found[images] = unit(require_finite(embed(images)))
        return self._found[images]

    def text_vectors(self, store: TokenStore) -> Tensor:
        """Returns ``(texts, dim)``, as `image_vectors`."""
        if store not in self._found:
            embed = self._count_words if self.module is None else self._project_texts
            self._found[store] = unit(require_finite(embed(store)))
        return self._found[store]

    @property
    def _device(self) -> torch.device:
        device: torch.device = next(self.module.parameters()).device
        return device

    @torch.no_grad()
    def _project_images(self, images: WholeImages) -> Tensor:
        found = []
        with (
            show_progress("embedding images", len(images.labels)) as advance,
            evaluating(self.module),
        ):
            for batch in images.whole(self._device):
                found.append(self.module.project_image(batch).cpu())
                advance(len(batch), "")
        return torch.cat(found)

    @torch.no_grad()
    def _project_texts(self, store: TokenStore) -> Tensor:
        found, order, device = [], [], self._device
        with show_progress("embedding texts", len(store)) as advance, evaluating(self.module):
            for rows, ids, mask in store.chunks(CHUNK, self.context):
                found.append(self.module.project_text(ids.to(device), mask.to(device)).cpu())
                order.append(rows)
                advance(len(rows), "")
        return torch.cat(found)[np.argsort(np.concatenate(order))]

    def _count_words(self, store: TokenStore) -> Tensor:
        """Returns how often each word occurs, ``(texts, num_words)``."""
        texts = torch.from_numpy(np.repeat(np.arange(len(store)), store.lengths))
        ids = torch.from_numpy(store.ids[store.offsets[0] : store.offsets[-1]].astype(np.int64))
        counts = torch.zeros(len(store), self.num_words)
        return counts.index_put_((texts, ids), torch.ones(len(ids)), accumulate=True)

    def _words_of_nearest(self, images: WholeImages) -> Tensor:
        """Returns the words of the nearest training image's first caption, by pixels."""
        train: CaptionedImages = require_part(self.train, "a reference", "training pairs")
        known, caption = np.unique(train.owner, return_index=True)
        pixels = train.images.pixels()[known]
        nearest = torch.cat(
            [torch.cdist(own, pixels).argmin(1) for own in images.pixels().split(CHUNK)]
        )
        return self.text_vectors(train.captions)[caption][nearest]


def _classes(labels: NDArray[np.int64] | None) -> Tensor | None:
    return None if labels is None else torch.from_numpy(labels)
