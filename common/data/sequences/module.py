"""The data module of item sequences."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from lightning import LightningModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from common.backbones.modes import evaluating
from common.data.contract import RunData, keyed_loader
from common.data.modality import DataSets
from common.data.sampler import BatchKey
from common.data.sequences.config import SequenceConfig, SequenceFacts
from common.data.sequences.store import (
    Instances,
    Sequences,
    held_out_instances,
    k_core,
    popularity,
    prefix_instances,
)
from common.data.sequences.views import ViewRatios, draw_views, make_sequence_views
from common.distributed.draws import keyed_generator
from common.errors import DataError, outline
from common.evaluation.ranking import History, RankingInput
from common.registry import READERS

EVALUATION_CHUNK = 2048


class SequenceBatch(NamedTuple):
    """Prefixes, their next items, and two views of each prefix.

    ``items (batch, length)``, ``lengths (batch,)``, ``targets (batch,)``,
    ``views (2, batch, length)``, ``view_lengths (2, batch)``. Before the views are made the last
    two are empty; ``position`` is (epoch, batch, first row in the global batch, its rows).
    """

    items: Tensor
    lengths: Tensor
    targets: Tensor
    views: Tensor
    view_lengths: Tensor
    position: tuple[int, int, int, int]


def as_sequence_batch(batch: object, module: LightningModule) -> SequenceBatch:
    """Returns a `SequenceBatch` as it is, and makes one of its first five parts.

    Args:
        batch: ``(items, lengths, targets, views, view_lengths)``; `make_views` makes the last two.
        module: Whose epoch a batch of parts is of.

    Raises:
        DataError: It is neither.
    """
    if isinstance(batch, SequenceBatch):
        return batch
    if not isinstance(batch, list | tuple) or len(batch) != 5:
        raise DataError(
            f"{outline(batch)}: training_step takes (items, lengths, targets, views, "
            "view_lengths), as `SequenceBatch` says"
        )
    items, lengths, targets, views, view_lengths = batch
    position = (module.current_epoch, 0, 0, len(items))
    return SequenceBatch(items, lengths, targets, views, view_lengths, position)


class PrefixDataset(Dataset[SequenceBatch]):
    """Loads whole batches by `BatchKey`."""

    def __init__(self, instances: Instances, max_length: int) -> None:
        self.instances, self.max_length = instances, max_length

    def __len__(self) -> int:
        """Returns the number of prefixes."""
        return len(self.instances)

    def __getitem__(self, key: BatchKey) -> SequenceBatch:
        """Returns the rows of ``key``, without views."""
        arrays = self.instances.gather(key.rows.numpy(), self.max_length)
        items, lengths, targets = (torch.from_numpy(array) for array in arrays)
        position = (key.epoch, key.batch, key.offset, key.global_size)
        empty = torch.empty(0, dtype=torch.int64)
        return SequenceBatch(items, lengths, targets, empty, empty, position)


class SequenceData(RunData):
    """Training prefixes with two views each, and leave-one-out evaluation.

    Args:
        config: The ``data:`` section.
        seed: With epoch and position, the seed of order and views.
        read: Takes the configuration and returns the set; None: the reader of ``config.name``.
    """

    reference_names = ("popularity",)

    def __init__(
        self,
        config: SequenceConfig,
        seed: int,
        read: Callable[[SequenceConfig], Sequences] | None = None,
    ) -> None:
        super().__init__(seed, config.batch_size)
        self.config, self._read = config, read
        self.ratios = ViewRatios(config.crop_ratio, config.mask_ratio, config.reorder_ratio)
        self._sequences: Sequences | None = None

    def load(self) -> None:
        """Reads or generates the sequences and checks them; does nothing the second time.

        Raises:
            DataError: Missing or broken data, or fewer prefixes than one batch.
        """
        if self._sequences is not None:
            return
        reader = self._read or DataSets("sequences").get(self.config.name)
        sequences: Sequences = reader(self.config)
        if self.config.core is not None:
            sequences = k_core(sequences, self.config.core)
        self.instances = prefix_instances(sequences)
        if not len(self.instances):
            raise DataError(
                f"{self.config.path or sequences.name}: no user has more than 3 actions, of which "
                "the last two validate and test"
            )
        if len(self.instances) < self.config.batch_size:
            raise DataError(
                f"data.batch_size: {self.config.batch_size}, but {sequences.name} gives only "
                f"{len(self.instances)} training prefixes; use a batch of at most that"
            )
        self._sequences, self.fingerprint = sequences, sequences.fingerprint()

    @property
    def sequences(self) -> Sequences:
        """The sequences, read if they were not."""
        self.load()
        assert self._sequences is not None
        return self._sequences

    @property
    def facts(self) -> SequenceFacts:
        """What a module must know of the data."""
        return SequenceFacts(self.sequences.num_items, self.config.max_length)

    def describe(self) -> str:
        """Returns one line for the console."""
        sequences = self.sequences
        note = f"; {sequences.note}" if sequences.note else ""
        return (
            f"{sequences.name}: {len(sequences.lengths):,} users, {sequences.num_items:,} items, "
            f"{len(sequences.items):,} actions, {len(self.instances):,} training prefixes{note}"
        )

    def train_dataloader(self) -> DataLoader[SequenceBatch]:
        """Returns batches in an order that depends on (seed, epoch) alone."""
        self.load()
        config, dataset = self.config, PrefixDataset(self.instances, self.config.max_length)
        sampler = self.make_sampler(len(dataset), config.batch_size, config.drop_last)
        return keyed_loader(dataset, sampler, config.workers)

    def on_after_batch_transfer(self, batch: SequenceBatch, dataloader_idx: int) -> SequenceBatch:
        """Makes the views; their draws depend on (seed, epoch, place in the global batch)."""
        epoch, number, first, global_size = batch.position
        generator = keyed_generator(self.seed, epoch, number)
        draws = draw_views(global_size, batch.items.shape[1], generator)
        draws = draws.rows(first, len(batch.items)).to(batch.items.device)
        views, view_lengths = make_sequence_views(batch.items, batch.lengths, draws, self.ratios)
        return batch._replace(views=views, view_lengths=view_lengths)

    @torch.no_grad()
    def evaluation_inputs(self, module: Any, split: str) -> RankingInput:
        """Returns the users' vectors and the item table for ``val`` or ``test``.

        Args:
            module: Has ``embed(items, lengths)`` and ``item_table()``.
            split: Which item is predicted: the last (``test``) or the one before (``val``).
        """
        instances = held_out_instances(self.sequences, split)
        queries = self._embed(module, instances)
        targets = torch.from_numpy(instances.items[instances.ends]).to(queries.device)
        return RankingInput(queries, module.item_table(), targets, _history(instances))

    def references(self, split: str) -> dict[str, RankingInput]:
        """Returns the recommender that learns nothing: training counts, the same for all."""
        instances = held_out_instances(self.sequences, split)
        counts = torch.from_numpy(popularity(self.sequences)).double()
        return {
            "popularity": RankingInput(
                queries=torch.ones(len(instances), 1, dtype=torch.float64),
                items=counts[:, None],
                targets=torch.from_numpy(instances.items[instances.ends]),
                history=_history(instances),
                ties="middle",
            )
        }

    @torch.no_grad()
    def embed_path(self, module: Any, path: Path) -> dict[str, np.ndarray]:
        """Embeds the users of a file, each from all its actions.

        Returns:
            ``ids`` (users,), those of the file in its order, and ``embeddings`` (users, dim);
            ``item_ids`` (num_items,) of the run's source and ``item_embeddings`` (num_items, dim),
            whose dot products with ``embeddings`` rank the next item.

        Raises:
            DataError: A broken file, or items the run does not know; names file and line.
        """
        users, inputs = self.path_inputs(module, path)
        return {
            "embeddings": inputs.queries.float().cpu().numpy(),
            "ids": users,
            "item_ids": self.sequences.known_items(),
            "item_embeddings": inputs.items[1:].float().cpu().numpy(),
        }

    @torch.no_grad()
    def path_inputs(self, module: Any, path: Path) -> tuple[np.ndarray, RankingInput]:
        """Returns the user ids of a file, ``(users,)``, and what ranks the next item of each.

        Nobody knows that item yet: there are no targets. Raises as `embed_path`.
        """
        users, instances = READERS.get("sequences")(path, self.sequences, self.config)
        queries, nobody_knows = self._embed(module, instances), torch.empty(0, dtype=torch.int64)
        return users, RankingInput(queries, module.item_table(), nobody_knows, _history(instances))

    def _embed(self, module: Any, instances: Instances) -> Tensor:
        """Encodes all instances in chunks of like lengths, each trimmed to its longest."""
        device, most = module.device, self.config.max_length
        order = np.argsort(np.minimum(instances.input_lengths, most), kind="stable")
        parts = []
        with evaluating(module):
            for start in range(0, len(order), EVALUATION_CHUNK):
                items, lengths, _ = instances.gather(order[start : start + EVALUATION_CHUNK], most)
                inputs = torch.from_numpy(items[:, : lengths.max()]).to(device)
                parts.append(module.embed(inputs, torch.from_numpy(lengths).to(device)))
        place = torch.from_numpy(np.argsort(order)).to(device)
        return torch.cat(parts)[place]


def _history(instances: Instances) -> History:
    """Returns every item of each input, also those before the latest ``max_length``."""
    first = np.cumsum(instances.input_lengths) - instances.input_lengths
    place = np.arange(instances.input_lengths.sum()) - np.repeat(first, instances.input_lengths)
    start = np.repeat(instances.ends - instances.input_lengths, instances.input_lengths)
    offsets = np.concatenate((first, [len(place)]))
    return History(torch.from_numpy(instances.items[start + place]), torch.from_numpy(offsets))
