"""What a reader of images with texts returns."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from common.data.images.lazy import AnySplit, LazySplit, fingerprint_files
from common.data.images.sets import fingerprint as fingerprint_images
from common.distributed.draws import keyed_generator


class Variants(NamedTuple):
    """Further texts of one kind: text i is a variant of caption ``of[i]``, in rising order."""

    texts: Sequence[str]
    of: NDArray[np.int64]


@dataclass(frozen=True)
class Captioned:
    """Images with one caption or more each.

    ``owner (captions,)`` is the row of each caption's image, in rising order. ``kinds`` are false
    captions and the true paraphrase, by name. ``near (images, neighbours)``: rows of near images.
    ``labels (images,)``: a class that an image and its captions both tell; ``groups (captions,)``:
    the number of each caption's group, such as its relation. ``truths``: by name, what is so of
    each image ``(images, facts)`` and what each caption says ``(captions, facts)``.
    ``lines``: where each caption stands in its file, for messages.
    """

    images: AnySplit
    captions: Sequence[str]
    owner: NDArray[np.int64]
    kinds: Mapping[str, Variants] = field(default_factory=dict)
    near: NDArray[np.int64] | None = None
    labels: NDArray[np.int64] | None = None
    groups: NDArray[np.int64] | None = None
    truths: Mapping[str, tuple[NDArray[np.int64], NDArray[np.int64]]] = field(default_factory=dict)
    lines: Sequence[str] = ()

    def __len__(self) -> int:
        """Returns the number of images."""
        return len(self.images)

    def rows(self, rows: NDArray[np.int64]) -> "Captioned":
        """Returns images ``rows``, in rising order, with all that is theirs.

        Near images that are not among them leave an image with its first near one, or itself.
        """
        place = np.full(len(self), -1)
        place[rows] = np.arange(len(rows))
        kept = np.flatnonzero(place[self.owner] >= 0)
        caption = np.full(len(self.captions), -1)
        caption[kept] = np.arange(len(kept))
        return Captioned(
            self.images.rows(torch.from_numpy(rows)),
            [self.captions[row] for row in kept.tolist()],
            place[self.owner[kept]],
            {name: _kept(each, caption) for name, each in self.kinds.items()},
            None if self.near is None else _renumbered(self.near[rows], place),
            None if self.labels is None else self.labels[rows],
            None if self.groups is None else self.groups[kept],
            {name: (of[rows], said[kept]) for name, (of, said) in self.truths.items()},
            [self.lines[row] for row in kept.tolist()] if self.lines else (),
        )


class Labelled(NamedTuple):
    """Images with classes, their names, and templates of prompts with one ``{}`` each."""

    images: AnySplit
    labels: NDArray[np.int64]
    names: Sequence[str]
    prompts: Sequence[str]


@dataclass(frozen=True)
class CaptionedSet:
    """What is trained on, what is measured on "val" and "test", and zero-shot classes.

    ``vocabulary`` is given by a set that brings its own words; ``synonyms`` are groups of words
    that mean the same. ``remark`` tells what was left out.
    """

    train: Captioned
    held_out: Mapping[str, Captioned]
    classes: Labelled | None = None
    vocabulary: Sequence[str] = ()
    synonyms: Sequence[Sequence[str]] = ()
    remark: str = ""


def keep_images_apart(parts: Mapping[str, Captioned], share: float) -> dict[str, Captioned]:
    """Returns ``parts``, with "val" and "test" of ``share`` of the training images where they lack.

    All captions go with an image; which images, depends on the number of training images alone.
    """
    if {"val", "test"} <= parts.keys():
        return dict(parts)
    train, found = parts["train"], dict(parts)
    order = torch.randperm(len(train), generator=keyed_generator(0, len(train))).numpy()
    count = max(int(share * len(train)), 1)
    for name in ("val", "test"):
        if name not in parts:
            found[name], order = train.rows(np.sort(order[:count])), order[count:]
    return {**found, "train": train.rows(np.sort(order))}


def without_labels(images: AnySplit) -> AnySplit:
    """Returns ``images`` under label 0: those of label -1 would not be tested."""
    return replace(images, labels=torch.zeros_like(images.labels))


def _kept(variants: Variants, caption: NDArray[np.int64]) -> Variants:
    rows = np.flatnonzero(caption[variants.of] >= 0)
    return Variants([variants.texts[row] for row in rows.tolist()], caption[variants.of[rows]])


def _renumbered(near: NDArray[np.int64], place: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns ``near`` by the new places; one that is gone gives way to one that is there."""
    found = place[near]
    own = np.arange(len(found))
    there = found >= 0
    first = np.where(there.any(1), found[own, there.argmax(1)], own)
    return np.where(there, found, first[:, None])


def fingerprint_captions(found: CaptionedSet) -> str:
    """Returns 16 hex digits over images, captions of all kinds, and classes."""
    digest = hashlib.sha256()
    parts = {"train": found.train, **found.held_out}
    if found.classes is not None:
        names = "\n".join([*found.classes.names, *found.classes.prompts])
        digest.update(f"{_of_images(found.classes.images)} {names}".encode())
        _add(digest, found.classes.labels)
    for name, part in sorted(parts.items()):
        digest.update(f"{name} {_of_images(part.images)}".encode())
        _add(digest, part.owner)
        texts = {"": part.captions, **{kind: each.texts for kind, each in part.kinds.items()}}
        for kind, each in sorted(texts.items()):
            digest.update(f"{kind} {len(each)}\n".encode() + "\n".join(each).encode())
        for of in part.kinds.values():
            _add(digest, of.of)
        if part.near is not None:
            _add(digest, part.near)
    return digest.hexdigest()[:16]


def _of_images(images: AnySplit) -> str:
    if isinstance(images, LazySplit):
        return fingerprint_files({"images": images})
    return fingerprint_images({"images": images})


def _add(digest: "hashlib._Hash", array: NDArray[np.int64]) -> None:
    digest.update(np.ascontiguousarray(array, dtype="<i8").tobytes())
