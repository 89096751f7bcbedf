"""The protocols that fit on whatever is measurable, beside chance."""

import inspect
import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from statistics import fmean
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from common.config.build import COMMAND_LINE, build
from common.config.protocols import require_measured
from common.errors import DataError
from common.evaluation.config import EvaluationConfig, evaluation_schema
from common.evaluation.measure import Figure, at_chance, evaluation_of, measure
from common.evaluation.vectors import Vectors
from common.registry import PROTOCOLS, load
from common.results.figures import CHANCE, DIMENSIONS, DRAWS, Evaluation, Figures
from common.results.metrics import ERROR
from common.runs.encoders import Measurable
from common.runs.environment import LIBRARIES, installed_versions

# Random vectors are drawn so often that all draws have about so many rows, within bounds.
ROWS_AT_CHANCE, MOST_DRAWS = 20_000, 20
ByProtocol = dict[str, dict[str, Figure]]


def check_keys(settings: dict[str, Any]) -> None:
    """Refuses, with a `ConfigError` and before anything is read, what no protocol takes."""
    build(evaluation_schema(*PROTOCOLS.items())(), [(COMMAND_LINE, settings)])


def measure_all(
    found: Measurable, names: Sequence[str], settings: dict[str, Any], seed: int
) -> Evaluation:
    """Returns the figures of each encoder of ``found``, and of random vectors.

    Args:
        found: What is measured.
        names: Protocols that are asked for; none: all that fit.
        settings: Of protocols, by dotted key such as ``knn.k``.
        seed: Seeds protocols and random vectors.

    Raises:
        ConfigError: A protocol that does not fit, or a setting of none that is measured.
        DataError: One class alone, where protocols tell classes apart.
    """
    asked = next(iter(found.encoders.values()))
    config = evaluation_of(asked, names)
    require_measured(settings, config.protocols)
    if "retrieval" in config.protocols:
        retrieval: Any = config.settings("retrieval")
        classes = len(asked.classed.known.unique())
        # Among no more classes than k each is found.
        retrieval.cutoffs = [k for k in retrieval.cutoffs if k < classes]
    config, _ = build(config, [(COMMAND_LINE, settings)])
    needs = {need for name in config.protocols for need in config.settings(name).needs}
    if asked.train is not None and needs & {"classes", "training classes"}:
        known = asked.train.known.unique()
        if len(known) < 2:
            what = f"training rows have {('no class', 'one class alone')[len(known)]}"
            if not len(asked.train.x):
                what = f"{len(asked.classed.known.unique())} classes have one row each"
            raise DataError(
                f"{found.data}: its {what}; take other labels, leave them out, or name a "
                "--protocol that needs none"
            )
    samples = _samples(asked)
    with torch.no_grad(), threadpool_limits(torch.get_num_threads()):
        measured = {name: _by_protocol(each, config, seed) for name, each in found.encoders.items()}
        measured[CHANCE] = _at_chance(asked, config, seed, samples[DRAWS])
    return Evaluation(
        what=found.what,
        digest=found.digest,
        data=found.data,
        data_digest=found.data_digest,
        seed=seed,
        samples=samples,
        protocols={name: asdict(config.settings(name)) for name in config.protocols},  # type: ignore[call-overload]
        encoders={
            name: _figures(found.encoders.get(name, asked), each) for name, each in measured.items()
        },
        form=found.form,
        versions=installed_versions(*LIBRARIES.values()),
        measures={name: _in_words(name) for name in config.protocols},
        drawn=found.drawn,
        measured_by={
            metric: protocol
            for each in measured.values()
            for protocol, figures in each.items()
            for metric in figures
        },
    )


def _by_protocol(vectors: Vectors, config: EvaluationConfig, seed: int) -> ByProtocol:
    return {
        name: measure(vectors, replace(config, protocols=[name]), seed) for name in config.protocols
    }


def _at_chance(asked: Vectors, config: EvaluationConfig, seed: int, draws: int) -> ByProtocol:
    """Returns the figures of random vectors, the mean of draws where there are intervals.

    What has none is costly, as k-means, and hardly varies.
    """
    drawn = (
        replace(at_chance(asked, draws * seed + place), sentences=asked.sentences)
        for place in range(draws)
    )
    found = _by_protocol(next(drawn), config, seed)
    of_rows = [
        name
        for name, figures in found.items()
        if any(one.low is not None for one in figures.values())
    ]
    config = replace(config, protocols=of_rows)
    all_draws = [found, *(_by_protocol(vectors, config, seed) for vectors in drawn)]
    means = {
        name: {
            metric: Figure(fmean(one[name][metric].value for one in all_draws))
            for metric in found[name]
        }
        for name in of_rows
    }
    return found | means


def _figures(vectors: Vectors, measured: ByProtocol) -> Figures:
    """Returns the length of a vector, and what was measured, by metric."""
    return {
        DIMENSIONS: [vectors.test.x.shape[1], None, None, None],
        **{
            metric: _cut(metric, one)
            for figures in measured.values()
            for metric, one in figures.items()
        },
    }


def _in_words(protocol: str) -> str:
    """Returns what the docstrings of a protocol's settings and function open with."""
    said = (inspect.getdoc(load(one)) or "" for one in reversed(PROTOCOLS[protocol]))
    lines = " ".join(text.partition("\n")[0] for text in said)
    return lines.replace("``", "`").removeprefix("Protocol ")


def _cut(metric: str, figure: Figure) -> list[float | None]:
    """Returns a figure whose bounds a share in per cent, or else an error, can have."""
    value, low, high, rows = figure
    if low is None or high is None:
        return [*figure]
    most = math.inf if ERROR.search(metric) else 100.0
    return [value, max(low, 0.0), min(high, most), rows]


def _samples(vectors: Vectors) -> dict[str, int]:
    parts = {"training": vectors.train, "validation": vectors.val, "tested": vectors.test}
    found = {name: len(part.x) for name, part in parts.items() if part is not None}
    classes = len(vectors.classed.known.unique())
    return {
        **found,
        **({"classes": classes} if classes else {}),
        DRAWS: min(max(ROWS_AT_CHANCE // sum(found.values()), 1), MOST_DRAWS),
    }
