"""Names that recipes may use, and where each is defined.

A table holds ``name -> "module:attribute"`` so that a recipe's names are checked without
importing torch; the target is imported on first use. Of a pair the second is the dataclass of the
settings, which imports no torch.
"""

from functools import partial
from importlib import import_module
from pathlib import PurePath
from typing import Any

from common.errors import ConfigError, suggest

Pair = tuple[str, str]


class Registry:
    """A table of names; a miss offers the nearest name.

    ``libraries`` are functions that take the name of a network of that library.
    """

    def __init__(
        self, kind: str, entries: dict[str, str], libraries: dict[str, str] | None = None
    ) -> None:
        self.kind, self.entries, self.libraries = kind, entries, libraries or {}

    def names(self) -> list[str]:
        """Returns all names, sorted."""
        return sorted(self.entries)

    def knows(self, name: str) -> bool:
        """Tells whether ``name`` is an entry, or ``library:network`` of a known library."""
        library, _, network = name.partition(":")
        return name in self.entries or (library in self.libraries and network != "")

    def without_folder(self, name: str) -> str:
        """Returns ``name`` as hashes and records hold it: of a folder only its own name."""
        library, _, network = name.partition(":")
        is_folder = library in FOLDERS and library in self.libraries
        return f"{library}:{PurePath(network).name}" if is_folder else name

    def check(self, name: str) -> None:
        """Raises `ConfigError` with the nearest name unless ``name`` is known."""
        if not self.knows(name):
            raise ConfigError(f"unknown {self.kind} {name!r}{suggest(name, self.names())}")

    def get(self, name: str) -> Any:
        """Imports and returns what ``name`` stands for."""
        self.check(name)
        if name in self.entries:
            return load(self.entries[name])
        library, _, network = name.partition(":")
        return partial(load(self.libraries[library]), network)


def load(target: str) -> Any:
    """Imports and returns ``module:attribute``."""
    module, attribute = target.split(":")
    return getattr(import_module(module), attribute)


LIBRARIES = {
    "hf": "common.backbones.foreign:hugging_face_backbone",
    "timm": "common.backbones.foreign:timm_backbone",
    "torchvision": "common.backbones.foreign:torchvision_backbone",
}
# Those whose networks are folders, whose place may be private.
FOLDERS = ("hf",)
BACKBONES = Registry(
    "backbone",
    {
        "forensic_conv": "papers.owdfa_cpl.backbone:ForensicConv",
        "resnet18": "common.backbones.resnet:resnet18",
        "resnet50": "common.backbones.resnet:resnet50",
        "small_conv": "common.backbones.small_networks:SmallConv",
        "small_grid": "papers.supremix.backbone:SmallGrid",
        "small_resnet": "common.backbones.resnet:small_resnet",
        "tiny_conv": "common.backbones.small_networks:TinyConv",
        "vit_base": "common.backbones.vit:vit_base",
        "vit_small": "common.backbones.vit:vit_small",
        "vit_tiny": "common.backbones.vit:vit_tiny",
    },
    LIBRARIES,
)

# For images that are all of one size, whose pixels a perceptron can take.
SIZED_BACKBONES = Registry(
    "backbone", {**BACKBONES.entries, "mlp": "common.backbones.small_networks:MLP"}, LIBRARIES
)

# For samples with numbers as labels, which need not be images.
SAMPLE_BACKBONES = Registry(
    "backbone",
    {
        **SIZED_BACKBONES.entries,
        "small_volume": "common.backbones.small_networks:SmallVolume",
        "text_pair": "papers.supremix.backbone:TextPair",
    },
    LIBRARIES,
)

# For the texts of images.
TEXT_BACKBONES = Registry(
    "encoder of texts",
    {
        "text_bag": "common.backbones.text_towers:TextBag",
        "text_transformer": "common.backbones.text_towers:TextTransformer",
    },
)

# By the data module (`DATA_MODULES`) whose batches they take: the module, and the schema of
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

# Sets that no file of the catalogue describes: what `papers data verify` says of each.
VERIFIERS = Registry(
    "data set with a check of its own",
    {
        "ow-dfa": "common.data.targets.open_world.readers.tables:verify",
        "ow-forge-20": "papers.owdfa_cpl.readers.sanity:verify",
    },
)

# What data modules ask of readers beside the set itself: a user's own data, and lists of names.
READERS = Registry(
    "reader",
    {
        "association-tests": "common.data.text.readers.word_tests:read_tests",
        "class-descriptions": "common.data.image_text.readers.class_texts:read_descriptions",
        "class-differences": "common.data.image_text.readers.class_texts:read_differences",
        "graded-texts": "common.data.text.readers.pairs:graded",
        "graphs": "common.data.graphs.readers.own:read_own",
        "known-and-novel classes": "common.data.targets.open_world.readers.tables:image_paths",
        "labelled-series": "common.data.series.readers.labelled:read_unlabelled",
        "number": "common.data.targets.regression.readers.own:read_inputs",
        "image-files": "common.data.images.readers.files:own_folder",
        "image-list": "common.data.images.readers.files:read_list",
        "images": "common.data.images.readers.own:read_own",
        "readable-images": "common.data.images.readers.unreadable:keep_readable",
        "sequences": "common.data.sequences.readers.own:read_own",
        "series": "common.data.series.readers.own:read_own",
        "synonyms": "common.data.image_text.readers.beside:read_synonyms",
        "tables": "papers.sirl.readers.own:read_rows",
        "text": "common.data.text.readers.lines:read_texts",
        "zero-shot-classes": "common.data.image_text.readers.beside:with_classes",
    },
)

# The data module, and the schema of ``data:``: by the target where it has a module of its own, else
# by the modality.
DATA_MODULES = {
    "graphs": ("common.data.graphs.module:GraphData", "common.data.graphs.config:GraphConfig"),
    "image_text": (
        "common.data.image_text.module:ImageTextData",
        "common.data.image_text.config:ImageTextConfig",
    ),
    "known-and-novel classes": (
        "common.data.targets.open_world.module:OpenWorldData",
        "common.data.targets.open_world.config:OpenWorldConfig",
    ),
    "number": (
        "common.data.targets.regression.module:RegressionData",
        "common.data.targets.regression.config:RegressionConfig",
    ),
    "images": (
        "common.data.images.module:ImageData",
        "common.data.images.config:ImageConfig",
    ),
    "sequences": (
        "common.data.sequences.module:SequenceData",
        "common.data.sequences.config:SequenceConfig",
    ),
    "series": ("common.data.series.module:SeriesData", "common.data.series.config:SeriesConfig"),
    "tables": ("papers.sirl.data:TrajectoryData", "papers.sirl.data_config:TrajectoryConfig"),
    "text": ("common.data.text.module:TextData", "common.data.text.config:TextConfig"),
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

# Plots of every paper of a data module; a paper's own are in its plots.py.
PLOTS = Registry("data module with plots", {"images": "common.plots.images:draw_images"})
