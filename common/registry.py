"""Names that recipes may use, and where each is defined.

A table holds ``name -> "module:attribute"`` so that a recipe's names are checked without
importing torch; the target is imported on first use. Of a pair the second is the dataclass of the
settings, which imports no torch. Data modules stand in the declarations of `WINGS`; what one paper
alone has stands in its own.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from itertools import chain
from pathlib import Path, PurePath
from typing import Any

from common.errors import ConfigError, UsageError, suggest

Pair = tuple[str, str]
# The group of entry points by which other projects name their papers' packages.
GROUP = "likewise.papers"


class Registry:
    """A table of names; a miss offers the nearest name.

    Args:
        kind: What it is a table of, in words.
        entries: The table, or a function that gives its parts. They are asked one by one: to
            know a name of the first, none of the others is imported.
        libraries: Functions that take the name of a network of that library.
    """

    def __init__(
        self,
        kind: str,
        entries: Mapping[str, str] | Callable[[], Iterable[Mapping[str, str]]],
        libraries: dict[str, str] | None = None,
    ) -> None:
        self.kind, self.libraries = kind, libraries or {}
        self.tables = entries if callable(entries) else lambda: [entries]

    def names(self) -> list[str]:
        """Returns all names, sorted."""
        return sorted(chain.from_iterable(self.tables()))

    def target(self, name: str) -> str | None:
        """Returns the ``module:attribute`` of an entry, or None."""
        return next((table[name] for table in self.tables() if name in table), None)

    def knows(self, name: str) -> bool:
        """Tells whether ``name`` is an entry, or ``library:network`` of a known library."""
        library, _, network = name.partition(":")
        return (library in self.libraries and network != "") or self.target(name) is not None

    def without_folder(self, name: str) -> str:
        """Returns ``name`` as hashes and records hold it: of a folder only its own name."""
        library, _, network = name.partition(":")
        is_folder = library in FOLDERS and library in self.libraries
        return f"{library}:{PurePath(network).name}" if is_folder else name

    def get(self, name: str) -> Any:
        """Imports and returns what ``name`` stands for.

        Raises:
            ConfigError: If nothing has this name; the nearest is offered.
        """
        library, _, network = name.partition(":")
        if library in self.libraries and network:
            return partial(load(self.libraries[library]), network)
        if (target := self.target(name)) is None:
            raise ConfigError(f"unknown {self.kind} {name!r}{suggest(name, self.names())}")
        return load(target)


def load(target: str) -> Any:
    """Imports and returns ``module:attribute``."""
    module, attribute = target.split(":")
    return getattr(import_module(module), attribute)


# What samples are (`common.data.modality.Modality`), and what is known of them where that has a
# data module (`Target`): a new one is its folder and a line here.
WINGS = {
    "graphs": "common.data.graphs:MODALITY",
    "image_text": "common.data.image_text:MODALITY",
    "sequences": "common.data.sequences:MODALITY",
    "series": "common.data.series:MODALITY",
    "tables": "common.data.tables:MODALITY",
    "text": "common.data.text:MODALITY",
    "volumes": "common.data.volumes:MODALITY",
    # The last one that is asked what a user's folder is: any may be one of images.
    "images": "common.data.images:MODALITY",
    "known-and-novel classes": "common.data.targets.open_world:TARGET",
    "number": "common.data.targets.regression:TARGET",
}


def wing(name: str) -> Any:
    """Returns the declaration of a modality or target of `WINGS`."""
    return load(WINGS[name])


def packages() -> dict[str, str]:
    """Returns the package of each paper: those of this project, and those that others install.

    Another project cannot take the name of a paper of this one.
    """
    roots = import_module("papers").__path__
    own = chain.from_iterable(_folders(root, os.stat(root).st_mtime_ns) for root in roots)
    return _installed() | {name: f"papers.{name}" for name in own}


@cache
def _installed() -> dict[str, str]:
    return {entry.name: entry.value for entry in entry_points(group=GROUP)}


@cache
def _folders(root: str, changed: int) -> list[str]:
    """Returns the packages in ``root``, which are looked for anew when it has ``changed``."""
    return [path.parent.name for path in Path(root).glob("*/__init__.py")]


def outside_folder(name: str) -> Path | None:
    """Returns the folder of a paper that another project installs; None for one of this project.

    Raises:
        UsageError: If its package is not found.
    """
    package = packages()[name]
    if package == f"papers.{name}":
        return None
    found = find_spec(package)
    if found is None or found.origin is None:
        raise UsageError(f"{GROUP}: {name} = {package}: there is no such package")
    return Path(found.origin).parent


def declarations() -> Iterator[Any]:
    """Yields what each paper declares, a `common.paper.Paper`."""
    for name, package in packages().items():
        if package != f"papers.{name}":
            outside_folder(name)  # an entry that leads nowhere is told as such
        yield load(f"{package}:PAPER")


LIBRARIES = {
    "hf": "common.backbones.foreign:hugging_face_backbone",
    "timm": "common.backbones.foreign:timm_backbone",
    "torchvision": "common.backbones.foreign:torchvision_backbone",
}
# Those whose networks are folders, whose place may be private.
FOLDERS = ("hf",)


def _backbones(*modalities: str) -> Iterator[Mapping[str, str]]:
    yield from (wing(name).backbones for name in modalities)
    for paper in declarations():
        yield from (paper.backbones(name) for name in modalities)


BACKBONES = Registry("backbone", lambda: _backbones("images"), LIBRARIES)

# For images that are all of one size, whose pixels a perceptron can take.
SIZED_BACKBONES = Registry("backbone", lambda: _backbones("images", "tables"), LIBRARIES)

# For samples with numbers as labels, which need not be images.
SAMPLE_BACKBONES = Registry("backbone", lambda: _backbones(*wing("number").modalities), LIBRARIES)

# For the texts of images.
TEXT_BACKBONES = Registry("encoder of texts", lambda: _backbones("image_text"))


def _readers() -> Iterator[Mapping[str, str]]:
    yield from (wing(name).readers for name in WINGS)
    yield from (paper.readers() for paper in declarations())


# What data modules and protocols ask of readers beside the sets: a user's own data, and lists of
# names.
READERS = Registry("reader", _readers)

# By the data module whose batches they take: the module, and the schema of
# ``method:``.
METHODS = {
    "image_text": {
        "clip": ("common.methods.clip:CLIP", "common.methods.config:CLIPConfig"),
    },
    "images": {
        "barlow-twins": (
            "common.methods.barlow_twins:BarlowTwins",
            "common.methods.config:BarlowTwinsConfig",
        ),
        "moco": ("common.methods.moco:MoCo", "common.methods.config:MoCoConfig"),
        "simclr": ("common.methods.simclr:SimCLR", "common.methods.config:SimCLRConfig"),
        "simsiam": ("common.methods.simsiam:SimSiam", "common.methods.config:SimSiamConfig"),
        "supcon": ("common.methods.supcon:SupCon", "common.methods.config:SupConConfig"),
        "supervised": (
            "common.methods.supervised:Supervised",
            "common.methods.config:SupervisedConfig",
        ),
    },
}

# Protocols that papers share: the function, and the settings (a `ProtocolConfig` of
# `common.evaluation.config`). A paper declares its own.
PROTOCOLS = {
    "alignment-uniformity": (
        "common.evaluation.alignment_uniformity:evaluate_alignment_uniformity",
        "common.evaluation.text_config:AlignmentUniformityConfig",
    ),
    "association": (
        "common.evaluation.association:evaluate_association",
        "common.evaluation.text_config:AssociationConfig",
    ),
    "caption-choice": (
        "common.evaluation.caption_choice:evaluate_caption_choice",
        "common.evaluation.pair_config:CaptionChoiceConfig",
    ),
    "clustering": (
        "common.evaluation.clustering:evaluate_clustering",
        "common.evaluation.node_config:ClusteringConfig",
    ),
    "effective-rank": (
        "common.evaluation.ranks:evaluate_effective_rank",
        "common.evaluation.vector_config:EffectiveRankConfig",
    ),
    "factors": (
        "common.evaluation.factors:evaluate_factors",
        "common.evaluation.image_config:FactorsConfig",
    ),
    "few-label": (
        "common.evaluation.few_label:evaluate_few_label",
        "common.evaluation.image_config:FewLabelConfig",
    ),
    "finetune": (
        "common.evaluation.finetune:evaluate_finetune",
        "common.evaluation.image_config:FinetuneConfig",
    ),
    "forecasting": (
        "common.evaluation.forecasting:evaluate_forecasting",
        "common.evaluation.series_config:ForecastingConfig",
    ),
    "gap": (
        "common.evaluation.gap:evaluate_gap",
        "common.evaluation.pair_config:GapConfig",
    ),
    "image-text-retrieval": (
        "common.evaluation.image_text_retrieval:evaluate_image_text_retrieval",
        "common.evaluation.pair_config:ImageTextRetrievalConfig",
    ),
    "isotropy": (
        "common.evaluation.isotropy:evaluate_isotropy",
        "common.evaluation.text_config:IsotropyConfig",
    ),
    "knn": ("common.evaluation.knn:evaluate_knn", "common.evaluation.image_config:KnnConfig"),
    "linear": (
        "common.evaluation.linear_probe:evaluate_linear",
        "common.evaluation.image_config:LinearProbeConfig",
    ),
    "linear-sgd": (
        "common.evaluation.linear_sgd:evaluate_linear_sgd",
        "common.evaluation.image_config:LinearSgdConfig",
    ),
    "node-probe": (
        "common.evaluation.node_probe:evaluate_nodes",
        "common.evaluation.node_config:NodeProbeConfig",
    ),
    "rankme": (
        "common.evaluation.ranks:evaluate_rank_me",
        "common.evaluation.vector_config:RankMeConfig",
    ),
    "ranking": (
        "common.evaluation.ranking:evaluate_ranking",
        "common.evaluation.ranking_config:RankingConfig",
    ),
    "regression-probe": (
        "common.evaluation.regression_probe:evaluate_regression_probe",
        "common.evaluation.regression_config:RegressionProbeConfig",
    ),
    "retrieval": (
        "common.evaluation.retrieval:evaluate_retrieval",
        "common.evaluation.text_config:RetrievalConfig",
    ),
    "series-svm": (
        "common.evaluation.series_svm:evaluate_series_svm",
        "common.evaluation.series_config:SeriesSvmConfig",
    ),
    "sts": ("common.evaluation.sts:evaluate_sts", "common.evaluation.text_config:StsConfig"),
    "text-transfer": (
        "common.evaluation.text_transfer:evaluate_text_transfer",
        "common.evaluation.pair_config:TextTransferConfig",
    ),
    "uniformity-tolerance": (
        "common.evaluation.uniformity_tolerance:evaluate_uniformity_tolerance",
        "common.evaluation.image_config:UniformityToleranceConfig",
    ),
    "zero-shot": (
        "common.evaluation.zero_shot:evaluate_zero_shot",
        "common.evaluation.pair_config:ZeroShotConfig",
    ),
}
