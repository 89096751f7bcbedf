"""The data module of time series."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from common.data.contract import RunData, keyed_loader
from common.data.modality import DataSets
from common.data.series.batches import CroppedSections, SeriesBatch
from common.data.series.config import SeriesConfig, SeriesFacts
from common.data.series.sets import (
    LabelledSeries,
    LongSeries,
    Prepared,
    check_labelled,
    cut_sections,
    digest_of,
    prepare_long,
    scale_labelled,
)
from common.errors import ConfigError
from common.evaluation.config import EvaluationConfig, check_asked
from common.evaluation.series_inputs import ForecastInputs, LabelledInputs
from common.registry import READERS


class SeriesData(RunData):
    """One long series to forecast, or short series with classes; in memory.

    Args:
        config: The ``data:`` section.
        seed: With the epoch, the seed of the order and of the crops.
        read: Takes the configuration and returns the set; None: the reader of ``config.name``.
    """

    def __init__(
        self,
        config: SeriesConfig,
        seed: int,
        read: Callable[[SeriesConfig], LongSeries | LabelledSeries] | None = None,
    ) -> None:
        super().__init__(seed, config.batch_size)
        self.config, self._read = config, read
        self.long: Prepared | None = None
        self.labelled: LabelledSeries | None = None
        self._x: dict[str, Tensor] = {}
        self._dataset: CroppedSections | None = None

    def load(self) -> None:
        """Reads or generates the series, checks, standardises and cuts them; once.

        Raises:
            DataError: Missing or broken files, constant targets, a series without values.
            ConfigError: Unknown targets, or sections and batches that the data do not hold.
        """
        if self._dataset is not None:
            return
        config = self.config
        found = self.read()
        if isinstance(found, LongSeries):
            sections, informative = self._load_long(found)
        else:
            sections, informative = self._load_labelled(found)
        if config.batch_size > len(sections):
            raise ConfigError(
                f"data.batch_size={config.batch_size}: {self._title} has {len(sections)} training "
                f"sections of at least {min(config.length, sections.shape[1])} steps; use at most "
                "that many, or a smaller data.length"
            )
        self.reference_names = ("lags", "last-value") if self.long else ("raw",)
        self._dataset = CroppedSections(sections, informative, config.length, self.seed)

    def read(self) -> LongSeries | LabelledSeries:
        """Returns the set as its reader gives it; raises as `load`."""
        reader = self._read or DataSets("series").get(self.config.name)
        found: LongSeries | LabelledSeries = reader(self.config)
        return found

    @property
    def _title(self) -> str:
        return self.config.path or self.config.name

    def _load_long(self, found: LongSeries) -> tuple[Tensor, Tensor]:
        config = self.config
        series = prepare_long(found, self._title, config.targets, config.apart, config.calendar)
        start, end = series.parts["train"]
        if end - start < max(config.length, config.window + 1):
            raise ConfigError(
                f"data.length={config.length}, data.window={config.window}: {self._title} has "
                f"{end - start} training steps; choose shorter ones"
            )
        arrays = [series.inputs, series.targets]
        if series.clean is not None and series.informative is not None:
            arrays += [series.clean, series.informative]
        self.fingerprint = digest_of([*arrays, np.array(list(series.parts.values()))])
        self.long, count = series, (end - start) // config.length
        known = series.informative
        known = torch.ones(end) if known is None else known[start:end].float()
        known = known.expand(len(series.inputs), -1)[..., None]
        sections = cut_sections(series.inputs[:, start:end], count)
        return torch.nan_to_num(sections), torch.nan_to_num(cut_sections(known, count))[..., 0]

    def _load_labelled(self, found: LabelledSeries) -> tuple[Tensor, Tensor]:
        check_labelled(found, self._title)
        self._x, self.labelled = scale_labelled(found), found
        parts = [*found.x.values(), *found.y.values()]
        self.fingerprint = digest_of([part.numpy() for part in parts])
        x = self._x["train"]
        sections = torch.nan_to_num(cut_sections(x, max(x.shape[1] // self.config.length, 1)))
        return sections, torch.ones(sections.shape[:2])

    @property
    def facts(self) -> SeriesFacts:
        """What a module must know of the data."""
        self.load()
        assert self._dataset is not None
        sections = self._dataset.sections
        return SeriesFacts(sections.shape[2], self._dataset.length, len(sections))

    def describe(self) -> str:
        """Returns one line for the console."""
        facts = self.facts
        cut = f"{facts.num_sections} sections, crops of {facts.steps}; data {self.fingerprint}"
        if self.long is not None:
            steps = ", ".join(f"{b - a:,} {name}" for name, (a, b) in self.long.parts.items())
            targets = ", ".join(self.long.names[:8])
            return f"{self._title}: forecasts of {targets}; {steps} steps; {cut}"
        counts = ", ".join(f"{len(x):,} {name}" for name, x in self._x.items())
        assert self.labelled is not None
        classes = len(self.labelled.class_names)
        return f"{self._title}: {classes} classes, {facts.channels} channels, {counts}; {cut}"

    def check_split(self, split: str) -> None:
        """Raises `ConfigError` where a set has no validation part."""
        if self.labelled is not None and split == "val":
            raise ConfigError(
                f"evaluation: {self._title} has no validation part; measure test, not online"
            )

    def check_evaluation(self, evaluation: EvaluationConfig) -> None:
        """Raises `ConfigError` for protocols of the other kind, and settings beyond the data."""
        self.load()
        check_asked(evaluation, "series", lambda split: self._inputs(split, None))

    def train_dataloader(self) -> DataLoader[SeriesBatch]:
        """Returns whole batches in an order that depends on (seed, epoch) alone.

        Raises:
            ConfigError: A global batch that the processes cannot share.
        """
        self.load()
        assert self._dataset is not None
        sampler = self.make_sampler(len(self._dataset), self.config.batch_size)
        return keyed_loader(self._dataset, sampler, self.config.workers)

    def transfer_batch_to_device(
        self, batch: SeriesBatch, device: torch.device, dataloader_idx: int
    ) -> SeriesBatch:
        """Moves the tensors only: Lightning would walk over every row number of the key."""
        x, informative = (part.to(device, non_blocking=True) for part in batch[:2])
        return batch._replace(x=x, informative=informative)

    def evaluation_inputs(self, module: nn.Module, split: str) -> ForecastInputs | LabelledInputs:
        """Returns what protocols measure ``module`` by; nothing is encoded before its use."""
        return self._inputs(split, module)

    def references(self, split: str) -> dict[str, ForecastInputs | LabelledInputs]:
        """Returns what learns no representation.

        ``lags``: ridge on the last raw values and the calendar; ``last-value``: the naive
        forecast; ``raw``: the values of a short series themselves.
        """
        self.load()
        return {name: self._inputs(split, None, name) for name in self.reference_names}

    def _inputs(
        self, split: str, module: nn.Module | None, reference: str = ""
    ) -> ForecastInputs | LabelledInputs:
        self.load()
        if self.long is not None:
            parts = {**self.long.parts, "test": self.long.parts[split]}
            series = Prepared(**{**vars(self.long), "parts": parts})
            return ForecastInputs(series, self.config.window, module, reference)
        assert self.labelled is not None
        lengths = {part: _lengths(x) for part, x in self.labelled.x.items()}
        return LabelledInputs(self._x, self.labelled.y, lengths, module)

    def embed_path(self, module: nn.Module, path: Path) -> dict[str, np.ndarray]:
        """Embeds a user's series: a CSV with the run's columns (see `read_own`), or short ones.

        Returns:
            ``embeddings`` (rows, dim). A row is a step with a whole window, and ``ids`` holds their
            dates; columns that are read apart follow each other, named by ``columns`` (rows,). Of
            short series a row is a series, as `series-svm` is given it; ``labels`` where known.
        """
        self.load()
        if self.long is None:
            return self._embed_short(module, path.expanduser())
        series, steps = READERS.get("series")(path.expanduser(), self.config, self.long)
        found = ForecastInputs(series, self.config.window, module).features("test", 1)
        instances, rows, dim = found.shape
        known = {"ids": np.tile(steps[-rows:], instances)}
        if self.config.apart:
            known["columns"] = np.repeat(np.array(series.names), rows)
        return {"embeddings": found.float().numpy().reshape(-1, dim), **known}

    def _embed_short(self, module: nn.Module, path: Path) -> dict[str, np.ndarray]:
        assert self.labelled is not None
        train = self.labelled.x["train"]
        x, known = READERS.get("labelled-series")(path, train.shape[2])
        scaled = scale_labelled(LabelledSeries({"train": train, "test": x}, {}, ()))["test"]
        inputs = LabelledInputs({"test": scaled}, {}, {"test": _lengths(x)}, module)
        return {"embeddings": inputs.features("test").float().numpy(), **known}


def _lengths(x: Tensor) -> Tensor:
    """Returns the steps of each series up to the last one with a value."""
    steps = torch.arange(1, x.shape[1] + 1)
    return (steps * ~x.isnan().all(2)).amax(1)
