"""All protocols that fit some vectors, with intervals over the tested rows."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from numbers import Integral, Real
from typing import Any, NamedTuple

import torch
from torch import Tensor

from common.bounds import refused
from common.errors import ConfigError, DataError, suggest
from common.evaluation.config import (
    KNOWN,
    EvaluationConfig,
    evaluation_schema,
    fitting,
    handed,
    require_known,
    section_name,
)
from common.evaluation.run_protocols import run_protocols
from common.evaluation.scores import kept_rows
from common.evaluation.vectors import Part, Vectors
from common.registry import PROTOCOLS, load

# Of a normal distribution, for 95 % on both sides together.
Z = 1.959964
# What measures vectors is one of `PROTOCOLS` under this name of a data module.
VECTORS = "vectors"


class Figure(NamedTuple):
    """The value of a metric; ``low`` and ``high`` are its 95 % interval over the tested ``rows``.

    The interval tells how the value would vary with other rows of the same kind. It says nothing of
    another training: that needs seeds. None where the metric is no mean over rows.
    """

    value: float
    low: float | None = None
    high: float | None = None
    rows: int | None = None


def evaluation_of(
    vectors: Vectors, names: Sequence[str] = (), **settings: dict[str, Any]
) -> EvaluationConfig:
    """Returns what measures ``vectors``: by default all that fits, as far as the rows allow.

    Args:
        vectors: Theirs.
        names: Protocols that are asked for; none: all that fit.
        settings: By protocol, with ``_`` for ``-``, what is set: ``knn={"k": 5}``.

    Raises:
        ConfigError: A protocol that is asked for does not exist or does not fit, or a setting that
            does not exist or is not allowed.
    """
    require_settings(names, settings)
    chosen = list(names) or fitting(VECTORS, vectors.known)
    kind = evaluation_schema(*((name, PROTOCOLS[name]) for name in chosen))
    config = kind(protocols=chosen)
    for name in chosen:
        section = config.settings(name)
        require_known(name, section.needs, VECTORS, vectors.known)
        for key, value in {
            **_fitted(name, vectors),
            **settings.get(section_name(name), {}),
        }.items():
            setattr(section, key, value)
    for name in chosen:
        try:
            config.settings(name).check_inputs(handed(config.settings(name), vectors))
        except (ConfigError, DataError):
            if names:
                raise
            config.protocols.remove(name)
    return config


def require_settings(
    names: Sequence[str], settings: Mapping[str, dict[str, Any]], arguments: Sequence[str] = ()
) -> None:
    """Refuses what needs more than vectors, and settings that do not exist or are not allowed.

    Args:
        names: Protocols that are asked for; none: all that measure vectors.
        settings: By protocol, with ``_`` for ``-``.
        arguments: What the caller takes beside them, one of which may have been meant.

    Raises:
        ConfigError: With the name or the setting.
    """
    if isinstance(names, str) or not isinstance(names, Sequence):
        raise ConfigError(f"protocols={names!r}: a list of names is needed, such as ['knn']")
    able = fitting(VECTORS, KNOWN)
    for name in names:
        if name not in PROTOCOLS:
            raise ConfigError(f"protocols: {name!r} is no protocol{suggest(str(name), able)}")
        if name not in able:
            raise ConfigError(
                f"protocols: {name} needs more than vectors; papers evaluate RUN_DIR, without "
                f"DATA, runs those of a run; those of vectors: {', '.join(able)}"
            )
    keys = {section_name(name): name for name in names or able}
    for key, given in settings.items():
        if key not in keys:
            hint = suggest(key, [*keys, *arguments])
            raise ConfigError(f"{key}: no protocol that is measured{hint}")
        if not isinstance(given, Mapping):
            raise ConfigError(f"{key}={given!r}: a dictionary of its settings is needed")
        section = load(PROTOCOLS[keys[key]][1])()
        known = {entry.name: entry.metadata for entry in fields(section)}
        for each, value in given.items():
            if each not in known:
                hint = suggest(str(each), [*known])
                raise ConfigError(f"{key}: no setting {each!r}{hint}")
            if wrong := _refused(value, getattr(section, each), known[each]):
                raise ConfigError(f"{key}: {each}={value!r}: {wrong}")


def _refused(value: Any, default: Any, metadata: Mapping[str, Any]) -> str:
    """Returns what is wrong with a setting, as the command line has it; nothing if it is allowed.

    Args:
        value: The setting.
        default: It has the type of this one; None stands for any.
        metadata: Of the field, from `common.settings.setting`.
    """
    if isinstance(value, list) and isinstance(default, list):
        found = (_refused(each, one, metadata) for each in value for one in default[:1])
        return next(filter(None, found), "")
    kinds = {int: Integral, float: Real}
    fits = default is None or isinstance(value, kinds.get(type(default), type(default)))
    # Python takes True for the number 1.
    if not fits or (isinstance(value, bool) and type(default) in kinds):
        return f"{type(default).__name__} is needed, such as {default!r}"
    return refused(value, metadata)


def _fitted(name: str, vectors: Vectors) -> dict[str, Any]:
    """Returns settings that few rows ask for."""
    if vectors.train is None or not len(known := vectors.train.known):
        return {}
    least = int(known.unique(return_counts=True)[1].min())
    if name == "knn":
        return {"k": min(20, len(known))}
    return {"labels": [n for n in (1, 5, 10) if n <= least]} if name == "few-label" else {}


def measure(vectors: Vectors, config: EvaluationConfig, seed: int = 0) -> dict[str, Figure]:
    """Returns the figures of ``config.protocols``, with intervals where a metric is a mean of rows.

    Args:
        vectors: What is measured, or a data module's inputs.
        config: From `evaluation_of`, or a recipe's.
        seed: Seeds the protocols' own generators.
    """
    found: dict[str, Figure] = {}
    for name in config.protocols:
        with kept_rows() as rows:
            values = run_protocols([name], vectors, config, seed, "")
        for metric, value in values.items():
            found[metric] = _figure(value, rows.get(metric))
    return found


def _figure(value: float, rows: Tensor | None) -> Figure:
    if rows is None or len(rows) < 2:
        return Figure(value)
    return Figure(value, *interval(rows), len(rows))


def interval(rows: Tensor) -> tuple[float, float]:
    """Returns the 95 % interval of the mean of ``rows (num,)`` over draws of rows.

    Wilson's where each row is 0 or 100, else that of a normal distribution.
    """
    count, mean = len(rows), float(rows.mean())
    if bool(((rows == 0) | (rows == 100)).all()):
        share, spread = mean / 100, Z * Z / count
        centre = (share + spread / 2) / (1 + spread)
        width = Z * math.sqrt(share * (1 - share) / count + spread / (4 * count)) / (1 + spread)
        return 100 * max(centre - width, 0.0), 100 * min(centre + width, 1.0)
    width = Z * float(rows.std()) / math.sqrt(count)
    return mean - width, mean + width


def at_chance(vectors: Vectors, seed: int = 0) -> Vectors:
    """Returns random vectors of the same shapes in the place of all, with what is known of them."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(part: Part) -> Part:
        x = torch.randn(part.x.shape, generator=generator)
        return replace(part, embed=lambda: x)

    pairs, partners = vectors.pairs, vectors.partners
    if pairs is not None:
        pairs = pairs._replace(first=drawn(pairs.first), second=drawn(pairs.second))
    if partners is not None:
        partners = partners._replace(part=drawn(partners.part))
    test, others = drawn(vectors.test), (vectors.train, vectors.val, vectors.whole)
    train, val, whole = (part and drawn(part) for part in others)
    return Vectors(test, train, val, whole, None, pairs, partners)
