"""The data module of texts."""

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from common.backbones.checkpoint_folder import find_folder
from common.data.contract import RunData, keyed_loader
from common.data.modality import DataSets
from common.data.sampler import BatchKey
from common.data.text.batch import TextBatch
from common.data.text.config import TextConfig, TextFacts
from common.data.text.sets import Texts, TextSet
from common.data.text.tokenizer import Tokenizer, WholeWords, count_words, read_tokenizer
from common.errors import ConfigError
from common.evaluation.config import EvaluationConfig, check_asked
from common.evaluation.text_inputs import Graded, LabelledTexts, TextInputs, embed_store
from common.evaluation.tokens import TokenStore, gather_texts
from common.registry import READERS

SPLITS = ("val", "test")


class TextBatches(Dataset[TextBatch]):
    """Gives all samples of a batch at once, their texts cut to ``longest`` tokens."""

    def __init__(self, stores: list[TokenStore], targets: Tensor, longest: int) -> None:
        self.stores, self.targets, self.longest = stores, targets, longest

    def __len__(self) -> int:
        """Returns the number of samples."""
        return len(self.targets)

    def __getitem__(self, key: BatchKey) -> TextBatch:
        """Returns the samples at ``key.rows``."""
        ids, mask = gather_texts(self.stores, key.rows, self.longest)
        return TextBatch(ids, mask, self.targets[key.rows], key)


class TextData(RunData):
    """Texts in memory as tokens; batches are padded when they are made.

    Args:
        config: The ``data:`` section.
        seed: With the epoch, the seed of the order.
        read: Takes the configuration and returns the set; None: the reader of ``config.name``.
    """

    # Counts of words, in the place of what an encoder learns.
    reference_names = ("words",)

    def __init__(
        self,
        config: TextConfig,
        seed: int,
        read: Callable[[TextConfig], TextSet] | None = None,
    ) -> None:
        super().__init__(seed, config.batch_size)
        self.config, self._read = config, read
        self._dataset: TextBatches | None = None

    def load(self) -> None:
        """Reads or generates the texts and cuts them into tokens; once.

        Raises:
            DataError: Missing or broken files, or a tokeniser that cannot be read.
            ConfigError: A batch larger than the training part, or a library that is missing.
        """
        if self._dataset is not None:
            return
        config = self.config
        found: TextSet = (self._read or DataSets("text").get(config.name))(config)
        train = found.train.apart() if config.apart else found.train
        if config.batch_size > len(train):
            raise ConfigError(
                f"data.batch_size={config.batch_size}: {self._title} has {len(train)} training "
                "samples; use at most that many"
            )
        self.tokenizer = self._make_tokenizer(found)
        self.set = found
        self.parts = {name: self._held_out(part) for name, part in found.held_out.items()}
        graded = found.graded
        if config.graded is not None and self._read is None:
            graded = READERS.get("graded-texts")(config)
        self.graded = {name: self._graded(part) for name, part in graded.items()}
        stores = [self.tokenizer.encode(column) for column in train.columns]
        targets = torch.from_numpy(_targets(train))
        self._dataset = TextBatches(stores, targets, config.max_length)
        self.fingerprint = self._digest()

    def _make_tokenizer(self, found: TextSet) -> Tokenizer:
        if found.vocabulary:
            return WholeWords(found.vocabulary)
        if self.config.tokenizer is not None:
            return read_tokenizer(find_folder(self.config.tokenizer, "data.tokenizer"))
        texts = (text for column in found.train.columns for text in column)
        return WholeWords(count_words(texts, self.config.min_count))

    @property
    def _title(self) -> str:
        return self.config.path or self.config.name

    @property
    def samples(self) -> TextBatches:
        """The training samples, read if they were not."""
        self.load()
        assert self._dataset is not None
        return self._dataset

    def _held_out(self, part: Texts) -> LabelledTexts:
        return LabelledTexts(self.tokenizer.encode(part.columns[0]), _targets(part))

    def _graded(self, part: Texts) -> Graded:
        first, second = (self.tokenizer.encode(column) for column in part.columns)
        _, subsets = np.unique(np.array(part.subsets or [""] * len(part)), return_inverse=True)
        assert part.targets is not None
        return Graded(first, second, part.targets, subsets)

    def _digest(self) -> str:
        digest = hashlib.sha256()
        dataset = self.samples
        for store in dataset.stores:
            _add(digest, store.ids, store.offsets)
        _add(digest, dataset.targets.numpy())
        for split in SPLITS:
            if split in self.parts:
                texts, targets = self.parts[split]
                _add(digest, texts.ids, texts.offsets, targets)
            if split in self.graded:
                first, second, scores, subsets = self.graded[split]
                _add(digest, first.ids, first.offsets, second.ids, second.offsets, scores, subsets)
        return digest.hexdigest()[:16]

    @property
    def facts(self) -> TextFacts:
        """What a module must know of the data."""
        dataset, tokenizer = self.samples, self.tokenizer
        return TextFacts(
            tokenizer.num_words,
            tokenizer.special,
            self.config.max_length,
            len(dataset.stores),
            0 if self.config.apart else len(self.set.names),
        )

    def describe(self) -> str:
        """Returns one line for the console."""
        dataset = self.samples
        tokens = sum(len(store.ids) for store in dataset.stores)
        parts = [f"{len(dataset):,} training samples", f"{tokens:,} tokens"]
        parts += [f"{len(part.texts):,} {name}" for name, part in self.parts.items()]
        parts += [f"{len(part.scores):,} graded {name}" for name, part in self.graded.items()]
        words = f"{self.tokenizer.num_words:,} words"
        return f"{self._title}: {', '.join(parts)}; {words}; data {self.fingerprint}"

    def train_dataloader(self) -> DataLoader[TextBatch]:
        """Returns whole batches in an order that depends on (seed, epoch) alone.

        Raises:
            ConfigError: A global batch that the processes cannot share.
        """
        config, dataset = self.config, self.samples
        order = None if config.buckets is None else partial(self._buckets, config.buckets)
        sampler = self.make_sampler(len(dataset), config.batch_size, config.drop_last, order)
        return keyed_loader(dataset, sampler, config.workers)

    def _buckets(self, count: int, generator: torch.Generator) -> Tensor:
        """Returns an order in which the texts of a batch are about equally long."""
        lengths = torch.from_numpy(sum(store.lengths for store in self.samples.stores))
        size, order = self.config.batch_size, torch.randperm(len(lengths), generator=generator)
        sorted_parts = [part[lengths[part].argsort()] for part in order.split(count * size)]
        batches = torch.cat(sorted_parts).split(size)
        # The last one may be small, and stays the last.
        shuffled = torch.randperm(len(batches) - 1, generator=generator).tolist()
        return torch.cat([batches[place] for place in (*shuffled, len(batches) - 1)])

    def transfer_batch_to_device(
        self, batch: TextBatch, device: torch.device, dataloader_idx: int
    ) -> TextBatch:
        """Moves the tensors only: Lightning would walk over every row number of the key."""
        ids, mask, targets = (part.to(device, non_blocking=True) for part in batch[:3])
        return batch._replace(ids=ids, mask=mask, targets=targets)

    def evaluation_inputs(self, module: nn.Module | None, split: str) -> TextInputs:
        """Returns what protocols measure ``module``, or word counts, by; embedded at its use."""
        dataset = self.samples
        train = None
        if len(self.set.names):
            train = LabelledTexts(dataset.stores[0], dataset.targets.numpy())
        graded, held_out = self.graded.get(split), self.parts.get(split)
        encode, unknown = self.tokenizer.encode, self.tokenizer.special.unknown
        return TextInputs(module, encode, unknown, graded, train, held_out)

    def references(self, split: str) -> Mapping[str, TextInputs]:
        """Returns what learns nothing: how often each word occurs in a text."""
        return {"words": self.evaluation_inputs(None, split)}

    def check_evaluation(self, evaluation: EvaluationConfig) -> None:
        """Raises `ConfigError` for protocols that the set has nothing for."""
        check_asked(evaluation, "text", lambda split: self.evaluation_inputs(None, split))

    def embed_path(self, module: nn.Module, path: Path) -> dict[str, NDArray]:
        """Embeds a user's own texts, one a line of a .txt[.gz].

        Returns:
            ``embeddings`` (texts, dim) and ``ids`` (texts,), the texts, in the order of the file.

        Raises:
            DataError: Nothing to read, or an empty line; names the file.
        """
        self.load()
        texts = READERS.get("text")(path.expanduser())
        found = embed_store(module, self.tokenizer.encode(texts))
        return {"embeddings": found.float().numpy(), "ids": np.array(texts)}


def _targets(texts: Texts) -> NDArray:
    return np.full(len(texts), -1) if texts.targets is None else texts.targets


def _add(digest: "hashlib._Hash", *arrays: NDArray) -> None:
    """Adds types, shapes and values of ``arrays``."""
    for array in arrays:
        little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        digest.update(f"{little.dtype.str} {little.shape}".encode())
        digest.update(little.tobytes())
