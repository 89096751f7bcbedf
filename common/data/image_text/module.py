"""The data module of images with texts."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from common.data.contract import RunData
from common.data.image_text.batch import PairBatch
from common.data.image_text.config import ImageTextConfig, ImageTextFacts
from common.data.image_text.evaluation import TestedImages, pair_inputs
from common.data.image_text.samples import (
    NEAR_SEED,
    PARAPHRASE,
    PairSamples,
    Texts,
    WholePairs,
    find_near,
)
from common.data.image_text.sets import Captioned, CaptionedSet, fingerprint_captions
from common.data.image_text.text_views import make_tables
from common.data.image_text.tokenizers import make_tokenizer
from common.data.images.batch import move_batch
from common.data.images.config import ImageConfig
from common.data.images.loading import ImageLoader, watched
from common.data.images.per_sample import finish_views
from common.data.modality import DataSets
from common.errors import ConfigError, DataError
from common.evaluation.config import EvaluationConfig, check_asked
from common.evaluation.pair_inputs import PairInputs
from common.registry import READERS

# Beyond this share of captions that several images have, a training warns of them.
MOST_SHARED = 0.2


class ImageTextData(RunData):
    """Images in memory or in files and their captions as tokens; views are made on batches.

    Args:
        config: The ``data:`` section.
        seed: With epoch and position, the seed of order, captions and views.
        read: Takes the configuration and returns the set; None: the reader of ``config.name``.
    """

    # An image has the words of the training image that is nearest by its pixels.
    reference_names = ("nearest",)

    def __init__(
        self,
        config: ImageTextConfig,
        seed: int,
        read: Callable[[ImageTextConfig], CaptionedSet] | None = None,
    ) -> None:
        super().__init__(seed, config.batch_size)
        self.config, self._read = config, read
        self._dataset: WholePairs | None = None
        self._tested: dict[str, PairInputs] = {}

    def load(self) -> None:
        """Reads or generates images and texts, and cuts the texts into tokens; once.

        Raises:
            DataError: Missing or broken files.
            ConfigError: Settings that the data rule out, or a library that is missing.
        """
        if self._dataset is not None:
            return
        config = self.config
        found: CaptionedSet = (self._read or DataSets("image_text").get(config.name))(config)
        if config.zero_shot is not None and self._read is None:
            found = READERS.get("zero-shot-classes")(found, config)
        self._check(found.train)
        self.set = found
        self.tokenizer = make_tokenizer(config.tokenizer, found.train.captions, found.vocabulary)
        used = [config.weak_text, config.strong_text]
        groups = found.synonyms
        if config.synonyms is not None and self._read is None:
            groups = READERS.get("synonyms")(config.synonyms)
        tables = make_tables(self.tokenizer, groups, used)
        kinds = [*config.hard_captions, *([PARAPHRASE] if any(u.paraphrase for u in used) else [])]
        texts = Texts.of(found.train, self.tokenizer, kinds)
        near = find_near(found.train, config.hard_images, self._title)
        self.views = self._as_of_images()
        self._dataset = WholePairs(
            found.train.images, texts, near, config, self.views, tables, self.seed
        )
        self.fingerprint = fingerprint_captions(found)

    def _as_of_images(self) -> ImageConfig:
        """Returns how images are seen, in the words of images without texts."""
        config = self.config
        return ImageConfig(
            name="image-folder",
            path=self._title,
            mean=config.mean,
            std=config.std,
            views=config.views,
            test_resize=config.image_size,
            test_crop=config.image_size,
            workers=config.workers,
        )

    def _check(self, train: Captioned) -> None:
        config = self.config
        if config.batch_size > len(train):
            raise ConfigError(
                f"data.batch_size={config.batch_size}: {self._title} has {len(train)} training "
                "images; use at most that many"
            )
        channels = train.images.shape[0]
        if len(config.mean) not in (0, channels):
            raise ConfigError(f"data.mean: {len(config.mean)} values for {channels} channels")
        for kind in config.hard_captions:
            self._check_kind(train, "data.hard_captions", kind)
        for name in ("weak_text", "strong_text"):
            if getattr(config, name).paraphrase:
                self._check_kind(train, f"data.{name}.paraphrase", PARAPHRASE)

    def _check_kind(self, train: Captioned, key: str, kind: str) -> None:
        """Refuses a kind of caption that the set, or a caption of it, does not have."""
        if kind not in train.kinds:
            raise ConfigError(f"{key}: {self._title} has no captions of the kind {kind}")
        lacking = np.setdiff1d(np.arange(len(train.captions)), train.kinds[kind].of)
        if len(lacking):
            where = train.lines[lacking[0]] if train.lines else f"caption {lacking[0]}"
            raise DataError(f"{where}: no caption of the kind {kind}, which {key} asks for")

    @property
    def _title(self) -> str:
        return self.config.path or self.config.name

    @property
    def samples(self) -> WholePairs:
        """The training samples, read if they were not."""
        self.load()
        assert self._dataset is not None
        return self._dataset

    @property
    def facts(self) -> ImageTextFacts:
        """What a module must know of the data."""
        channels, config, tokenizer = self.samples.images.shape[0], self.config, self.tokenizer
        return ImageTextFacts(
            tokenizer.num_words,
            tokenizer.pad,
            tokenizer.eot,
            tokenizer.unknown,
            config.context,
            channels,
            config.image_size,
        )

    @property
    def warnings(self) -> list[str]:
        """Says where many captions are those of another image, too."""
        self.load()
        train = self.set.train
        owners: dict[str, set[int]] = {}
        for caption, owner in zip(train.captions, train.owner.tolist(), strict=True):
            owners.setdefault(caption, set()).add(owner)
        shared = sum(len(owners[caption]) > 1 for caption in train.captions)
        if shared <= MOST_SHARED * len(train.captions):
            return []
        return [
            f"{shared:,} of {len(train.captions):,} training captions occur with more than one "
            "image; such images count as wrong matches in training and in retrieval"
        ]

    def describe(self) -> str:
        """Returns one line for the console."""
        self.load()
        train = self.set.train
        parts = [f"{len(train):,} training images with {len(train.captions):,} captions"]
        parts += [f"{len(part):,} {name}" for name, part in self.set.held_out.items()]
        if self.set.classes is not None:
            parts.append(f"{len(self.set.classes.names)} zero-shot classes")
        words = f"{self.config.tokenizer}, {self.tokenizer.num_words:,} tokens"
        found = ", ".join(parts)
        return f"{self._title}: {found}{self.set.remark}; {words}; data {self.fingerprint}"

    def train_dataloader(self) -> ImageLoader:
        """Returns whole batches in an order that depends on (seed, epoch) alone.

        Raises:
            ConfigError: A global batch that the processes cannot share.
        """
        config, dataset = self.config, self.samples
        dataset.images = watched(dataset.images, config.workers)
        sampler = self.make_sampler(len(dataset), config.batch_size, config.drop_last)
        return ImageLoader(dataset, dataset.images, sampler, config.workers)

    def transfer_batch_to_device(
        self, batch: PairSamples, device: torch.device, dataloader_idx: int
    ) -> PairSamples:
        """Moves the tensors only: Lightning would walk over every row number of the key."""
        images = tuple(move_batch(part, device) for part in batch.images)
        texts: Any = (
            part if part is None else part.to(device, non_blocking=True) for part in batch[1:5]
        )
        ids, mask, extra_ids, extra_mask = texts
        return PairSamples(images, ids, mask, extra_ids, extra_mask, batch.key)

    def on_after_batch_transfer(self, batch: PairSamples, dataloader_idx: int) -> PairBatch:
        """Makes the views of images."""
        made = []
        for number, part in enumerate(batch.images):
            views = finish_views(part, self.views, self.seed + NEAR_SEED * number).views
            made.append(torch.stack(views, 1))
        return PairBatch(torch.cat(made), *batch[1:])

    def evaluation_inputs(self, module: nn.Module | None, split: str) -> PairInputs:
        """Returns what protocols measure ``module``, or the nearest image's words, by."""
        captions, context = self.samples.texts.captions, self.config.context
        self.check_split(split)
        if split not in self._tested:  # cutting many texts into tokens takes a while
            self._tested[split] = pair_inputs(
                self.set, split, captions, self.tokenizer, self.views, context
            )
        return replace(self._tested[split], module=module, _found={})

    def references(self, split: str) -> Mapping[str, PairInputs]:
        """Returns what learns nothing: the words of the nearest training image by its pixels."""
        return {"nearest": self.evaluation_inputs(None, split)}

    def check_split(self, split: str) -> None:
        """Raises `DataError` unless protocols can measure ``split``."""
        if split not in self.set.held_out:
            raise DataError(f"{self._title}: has no split {split!r}; choose another")

    def check_evaluation(self, evaluation: EvaluationConfig) -> None:
        """Raises `ConfigError` for protocols that the set has nothing for."""
        check_asked(evaluation, "image_text", lambda split: self.evaluation_inputs(None, split))

    def embed_path(self, module: nn.Module, path: Path) -> dict[str, NDArray]:
        """Embeds a user's own images, a folder, or their captions, one a line of a .txt[.gz].

        Returns:
            ``embeddings`` (rows, dim), unit vectors in the space that images and texts share;
            ``ids``, names of files or the captions; and ``labels`` where folders name classes.

        Raises:
            DataError: Nothing to read, or what cannot be used; names the file.
        """
        self.load()
        path, known = path.expanduser(), dict[str, NDArray]()
        inputs = self.evaluation_inputs(module, next(iter(self.set.held_out)))
        if path.is_dir():
            images, known = READERS.get("image-files")(path)
            vectors = inputs.image_vectors(TestedImages(images, self.views))
        elif path.name.removesuffix(".gz").endswith(".txt"):
            texts = READERS.get("text")(path)
            known = {"ids": np.array(texts)}
            vectors = inputs.text_vectors(self.tokenizer.encode(texts))
        else:
            raise DataError(f"{path}: give a folder of images, or a .txt with a caption a line")
        return {"embeddings": vectors.float().numpy(), **known}
