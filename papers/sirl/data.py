"""The data module of rows with answers about them."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from common.data.contract import RunData, keyed_loader
from common.data.modality import DataSets
from common.data.sampler import BatchKey
from common.data.targets.regression.samples import measure_scale
from common.distributed.draws import keyed_generator
from common.errors import ConfigError
from common.evaluation.config import EvaluationConfig
from common.evaluation.frozen import embed_frozen
from common.registry import READERS
from papers.sirl.batch import PreferenceBatch, QueryBatch, RowBatch
from papers.sirl.data_config import TrajectoryConfig, TrajectoryFacts
from papers.sirl.inputs import TrajectoryInputs, principal_components
from papers.sirl.person import (
    answer_queries,
    people,
    put_odd_last,
    rewards,
    sample_labels,
    scale_features,
)
from papers.sirl.rows import TrajectorySet, check_set, draw_groups, fingerprint

# Streams of their own: far beyond any epoch.
HOLDOUT_STREAM, ANSWER_STREAM, TEST_STREAM = 2**50, 2**50 + 1, 2**50 + 2
# Of the queries that a simulated person is tested by, the same for every seed.
TEST_QUERIES = 2000
# Share of the user's own answers that are tested.
TEST_SHARE = 0.2
# Components of the reference `pca`: as many numbers as the published embedding has.
COMPONENTS = 6


class Batches(Dataset[Any]):
    """Gives all samples of a batch at once.

    Args:
        rows: All rows.
        samples: Rows of each training sample, ``(samples, rows of a sample)``.
        known: Beside its rows, what is known of each sample.
        kind: The class of the batch.
    """

    def __init__(self, rows: Tensor, samples: Tensor, known: list[Tensor], kind: Any) -> None:
        self.rows, self.samples, self.known, self.kind = rows, samples, known, kind

    def __len__(self) -> int:
        """Returns the number of samples."""
        return len(self.samples)

    def __getitem__(self, key: BatchKey) -> Any:
        """Returns the samples at ``key.rows``."""
        parts = self.rows[self.samples[key.rows]].unbind(1)
        return self.kind(*parts, *(each[key.rows] for each in self.known), key)


class TrajectoryData(RunData):
    """Rows in memory; queries and preferences are drawn and answered once, by the run's seed.

    Args:
        config: The ``data:`` section.
        seed: Seed of the draws and, with the epoch, of the order.
        read: Takes the configuration and returns the set; None: the reader of ``config.name``.
    """

    reference_names = ("raw", "pca")

    def __init__(
        self,
        config: TrajectoryConfig,
        seed: int,
        read: Callable[[TrajectoryConfig], TrajectorySet] | None = None,
    ) -> None:
        super().__init__(seed, config.batch_size)
        self.config, self._read = config, read
        # Numbers of rows, and answered queries, of "train", "val" and "test".
        self.parts: dict[str, Tensor] = {}
        self.queries: dict[str, Tensor] = {}
        self.whole: TrajectorySet
        self.rows: Tensor
        self.features: Tensor | None = None
        self._scale: Callable[[Tensor], Tensor] = Tensor.float
        self._batches: Batches

    def load(self) -> None:
        """Reads or makes the rows, splits them, and has the queries answered; once.

        Raises:
            DataError: Missing files, values that are not finite, too few rows.
            ConfigError: A batch larger than the training part.
        """
        if self.parts:
            return
        reader = self._read or DataSets("tables").get(self.config.name)
        self.whole = found = reader(self.config)
        check_set(self._title, found)
        self.fingerprint = fingerprint(found)
        if found.features is not None:
            self.features = scale_features(found.features, self.config.scaling)
        if found.answered is None:
            self._split_rows(found)
        else:
            self._split_answers(found.answered, len(found.rows))
        if self.config.standardise:
            scale = measure_scale(found.rows[self.parts["train"]])
            assert scale is not None  # rows are no images
            self._scale = lambda rows: scale.apply(rows.float())
        self.rows = self._scale(found.rows)
        self._batches = self._training_samples()
        if self.config.batch_size > len(self._batches):
            raise ConfigError(
                f"data.batch_size={self.config.batch_size}: {self._title} has "
                f"{len(self._batches)} training {self.config.samples}; use at most that many"
            )

    @property
    def _title(self) -> str:
        return self.config.path or self.config.name

    def _split_rows(self, found: TrajectorySet) -> None:
        """Has the simulated person answer queries within each part of the rows."""
        train = (~found.is_test).nonzero()[:, 0]
        self.parts = _held_out(train, self.config.holdout)
        self.parts["test"] = found.is_test.nonzero()[:, 0]
        for part, rows in self.parts.items():
            if part == "train":
                generator, count = self._answer_generator(), self.config.num_answers
            else:
                generator, count = keyed_generator(TEST_STREAM, len(rows)), TEST_QUERIES
            if len(rows) >= 3:
                queries = draw_groups(rows, count, 3, generator)
                answers = self.config.answers if part == "train" else "three_way"
                self.queries[part] = self._answered(queries, answers, generator)

    def _split_answers(self, answered: Tensor, num_rows: int) -> None:
        """Keeps some of the user's own answers apart; all rows are trained on."""
        order = torch.randperm(len(answered), generator=keyed_generator(HOLDOUT_STREAM, 1))
        tested = max(round(TEST_SHARE * len(answered)), 1)
        self.queries = _held_out(answered[order[tested:]], self.config.holdout)
        self.queries["test"] = answered[order[:tested]]
        train = self.queries["train"][: self.config.num_answers]
        if self.config.answers == "random":
            train = self._answered(train, "random", self._answer_generator())
        self.queries["train"] = train
        self.parts = dict.fromkeys(self.queries, torch.arange(num_rows))

    def _answer_generator(self) -> torch.Generator:
        return keyed_generator(self.seed, ANSWER_STREAM)

    def _answered(self, queries: Tensor, answers: str, generator: torch.Generator) -> Tensor:
        if answers == "random":
            return put_odd_last(queries, torch.randint(3, (len(queries),), generator=generator))
        assert self.features is not None
        return answer_queries(self.features, queries, answers)

    def _training_samples(self) -> Batches:
        if self.config.samples == "rows":
            return Batches(self.rows, self.parts["train"][:, None], [], RowBatch)
        if self.config.samples == "queries":
            return Batches(self.rows, self.queries["train"], [], QueryBatch)
        assert self.features is not None  # the configuration refuses own answers
        generator, count = self._answer_generator(), self.config.num_answers
        pairs = draw_groups(self.parts["train"], count, 2, generator)
        weights = people(self.features.shape[1])
        asked = torch.randint(len(weights), (count,), generator=generator)
        first, second = rewards(self.features[pairs], weights[asked][:, None]).unbind(1)
        draws = torch.rand(count, generator=generator, dtype=torch.float64)
        labels = sample_labels(first, second, self.config.beta, draws)
        return Batches(self.rows, pairs, [labels, asked], PreferenceBatch)

    @property
    def facts(self) -> TrajectoryFacts:
        """What a module must know of the data."""
        self.load()
        known = 0 if self.features is None else len(people(self.features.shape[1]))
        return TrajectoryFacts(self.rows.shape[1], known, self.config.samples)

    def describe(self) -> str:
        """Returns one line for the console."""
        self.load()
        tested = len(self.queries["test"])
        return (
            f"{self._title}: {len(self.rows):,} rows of {self.rows.shape[1]} numbers, "
            f"{len(self._batches):,} training {self.config.samples}, {tested:,} test queries; "
            f"data {self.fingerprint}"
        )

    def check_split(self, split: str) -> None:
        """Raises `ConfigError` where nothing is held out."""
        self.load()
        if len(self.queries.get(split, ())) == 0:
            raise ConfigError(
                f"evaluation: {self._title} has no part {split!r} to measure; raise data.holdout"
            )

    def check_evaluation(self, evaluation: EvaluationConfig) -> None:
        """Refuses protocols that ask the simulated person where there is none."""
        inputs = self._inputs("test")
        for name in {*evaluation.protocols, *evaluation.online}:
            evaluation.settings(name).check_inputs(inputs)

    def train_dataloader(self) -> DataLoader[Any]:
        """Returns whole batches in an order that depends on (seed, epoch) alone.

        Raises:
            ConfigError: A global batch that the processes cannot share.
        """
        self.load()
        sampler = self.make_sampler(len(self._batches), self.config.batch_size)
        return keyed_loader(self._batches, sampler, self.config.workers)

    def transfer_batch_to_device(
        self, batch: Any, device: torch.device, dataloader_idx: int
    ) -> Any:
        """Moves the tensors only: Lightning would walk over every row number of the key."""
        *parts, key = batch
        return type(batch)(*(part.to(device, non_blocking=True) for part in parts), key)

    def evaluation_inputs(self, module: nn.Module, split: str) -> TrajectoryInputs:
        """Returns what protocols measure ``module`` by; nothing is embedded before its use."""
        return self._inputs(split, module=module)

    def references(self, split: str) -> dict[str, TrajectoryInputs]:
        """Returns what learns nothing of people.

        ``raw``: the rows themselves. ``pca``: the first `COMPONENTS` principal components of the
        training rows.
        """
        self.load()
        reduce = partial(principal_components, train=self.parts["train"], count=COMPONENTS)
        return {"raw": self._inputs(split), "pca": self._inputs(split, transform=reduce)}

    def _inputs(self, split: str, **given: Any) -> TrajectoryInputs:
        self.load()
        parts = {"train": self.parts["train"], "test": self.parts[split]}
        return TrajectoryInputs(self.rows, parts, self.features, self.queries[split], **given)

    def embed_path(self, module: nn.Module, path: Path) -> dict[str, np.ndarray]:
        """Embeds a user's own rows: a .csv[.gz] with the run's columns, or an npz with ``x``.

        Returns:
            ``embeddings`` (num, dim), in the order of the file; ``ids`` where known.

        Raises:
            DataError: Nothing to read, columns missing, or another shape; names the file.
        """
        self.load()
        rows, known = READERS.get("tables")(path, self.rows.shape[1], self.whole.columns)
        return {"embeddings": embed_frozen(module, self._scale(rows)).cpu().numpy(), **known}


def _held_out(samples: Tensor, share: float) -> dict[str, Tensor]:
    """Returns "train" and "val" parts of ``samples``, the same for every seed."""
    order = torch.randperm(len(samples), generator=keyed_generator(HOLDOUT_STREAM))
    held = round(share * len(samples))
    return {"train": samples[order[held:]], "val": samples[order[:held]]}
