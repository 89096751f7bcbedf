"""Names that recipes may use, and where each is defined.

A table holds ``name -> "module:attribute"`` so that a recipe's names are checked without
importing torch; the target is imported on first use. Of a pair the second is the dataclass of the
settings, which imports no torch.
"""

from importlib import import_module
from typing import Any

from common.errors import ConfigError, suggest

Pair = tuple[str, str]


class Registry:
    """A table of names; a miss offers the nearest name."""

    def __init__(self, kind: str, entries: dict[str, str]) -> None:
        self.kind, self.entries = kind, entries

    def names(self) -> list[str]:
        """Returns all names, sorted."""
        return sorted(self.entries)

    def check(self, name: str) -> None:
        """Raises `ConfigError` with the nearest name unless ``name`` is known."""
        if name not in self.entries:
            raise ConfigError(f"unknown {self.kind} {name!r}{suggest(name, self.names())}")

    def get(self, name: str) -> Any:
        """Imports and returns what ``name`` stands for."""
        self.check(name)
        return load(self.entries[name])


def load(target: str) -> Any:
    """Imports and returns ``module:attribute``."""
    module, attribute = target.split(":")
    return getattr(import_module(module), attribute)


BACKBONES = Registry(
    "backbone",
    {
        "forensic_conv": "papers.owdfa_cpl.backbone:ForensicConv",
        "resnet18": "common.backbones.resnet:resnet18",
        "resnet50": "common.backbones.resnet:resnet50",
        "small_conv": "common.backbones.small_conv:SmallConv",
        "small_grid": "papers.supremix.backbone:SmallGrid",
        "vit_base": "common.backbones.vit:vit_base",
        "vit_small": "common.backbones.vit:vit_small",
        "vit_tiny": "common.backbones.vit:vit_tiny",
    },
)

# Of samples with numbers as labels, which need not be pictures.
SAMPLE_BACKBONES = Registry(
    "backbone",
    {
        **BACKBONES.entries,
        "mlp": "common.backbones.mlp:MLP",
        "small_volume": "common.backbones.small_volume:SmallVolume",
        "text_pair": "papers.supremix.backbone:TextPair",
    },
)

# By the modality whose batches they take: the module, and the schema of ``method:``.
METHODS = {
    "pictures": {
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

DATASETS = {
    "pictures": Registry(
        "picture data set",
        {
            "bccd": "common.data.pictures.readers.blood_cells:bccd",
            "caltech101": "common.data.pictures.readers.published:caltech101",
            "camvid": "common.data.pictures.readers.dense:camvid",
            "cifar10": "common.data.pictures.readers.originals:cifar10",
            "cifar10-jpeg": "common.data.pictures.readers.published:cifar10_jpeg",
            "cifar100": "common.data.pictures.readers.originals:cifar100",
            "coco": "common.data.pictures.readers.box_files:coco",
            "digit-scenes": "papers.pixpro.readers.digit_scenes:digit_scenes",
            "faces-att": "common.data.pictures.readers.published:faces_att",
            "faces-caltech": "common.data.pictures.readers.published:faces_caltech",
            "fashion-mnist": "common.data.pictures.readers.published:fashion_mnist",
            "fashion-mnist-full": "common.data.pictures.readers.published:fashion_mnist_full",
            "image-folder": "common.data.pictures.readers.files:image_folder",
            "imagenet": "common.data.pictures.readers.files:imagenet",
            "imagenet100": "common.data.pictures.readers.files:imagenet100",
            "nuclei": "common.data.pictures.readers.dense:nuclei",
            "scattered-digits": "common.data.pictures.readers.digits:scattered_digits",
            "stl10": "common.data.pictures.readers.originals:stl10",
            "tiny-imagenet": "common.data.pictures.readers.published:tiny_imagenet",
            "voc": "common.data.pictures.readers.box_files:voc",
        },
    ),
    "graphs": Registry(
        "graph data set",
        {
            "acm": "common.data.graphs.readers.packed:read_packed",
            "aminer": "common.data.graphs.readers.packed:read_packed",
            "dblp": "common.data.graphs.readers.packed:read_packed",
            "folder": "common.data.graphs.readers.folder:read_folder",
            "freebase": "common.data.graphs.readers.packed:read_packed",
            "hetero-data": "common.data.graphs.readers.hetero:read_hetero_data",
            "imdb": "common.data.graphs.readers.packed:read_packed",
            "papers-at-scale": "papers.meow.readers.large:papers_at_scale",
            "papers-authors-subjects": ("papers.meow.readers.small:papers_authors_subjects"),
        },
    ),
    "open-world": Registry(
        "open-world data set",
        {
            "ow-dfa": "common.data.targets.open_world.readers.tables:ow_dfa",
            "ow-forge-20": "papers.owdfa_cpl.readers.ow_forge_20:from_config",
        },
    ),
    "regression": Registry(
        "regression data set",
        {
            "abalone": "common.data.tables.readers.files:abalone",
            "agedb": "common.data.pictures.readers.numbered:agedb",
            "airfoil": "common.data.tables.readers.files:packed",
            "autompg": "common.data.tables.readers.files:packed",
            "bike": "common.data.tables.readers.files:packed",
            "cmapss-fd001": "common.data.series.readers.windows:cmapss_fd001",
            "concrete": "common.data.tables.readers.files:packed",
            "diabetes": "common.data.tables.readers.files:diabetes",
            "elevators": "common.data.tables.readers.files:packed",
            "energy": "common.data.tables.readers.files:packed",
            "gas": "common.data.tables.readers.files:packed",
            "imdb-wiki": "common.data.pictures.readers.numbered:imdb_wiki",
            "kin40k": "common.data.tables.readers.files:packed",
            "kin8nm": "common.data.tables.readers.files:packed",
            "naval": "common.data.tables.readers.files:packed",
            "parkinsons": "common.data.tables.readers.files:packed",
            "picture-table": "common.data.pictures.readers.numbered:own_pictures",
            "pol": "common.data.tables.readers.files:packed",
            "power": "common.data.tables.readers.files:packed",
            "protein": "common.data.tables.readers.files:packed",
            "rotated-digits": "papers.supremix.readers.rotated_digits:rotated_digits",
            "scattered-rotated-digits": (
                "papers.supremix.readers.rotated_digits:scattered_rotated_digits"
            ),
            "skillcraft": "common.data.tables.readers.files:packed",
            "sml": "common.data.tables.readers.files:packed",
            "stsb": "common.data.text.readers.stsb:stsb",
            "table": "common.data.tables.readers.files:own_table",
            "volume-table": "common.data.volumes.readers.files:own_volumes",
            "wine-red": "common.data.tables.readers.files:packed",
            "yacht": "common.data.tables.readers.files:packed",
        },
    ),
    "sequences": Registry(
        "sequence data set",
        {
            "beauty": "common.data.sequences.readers.sets:packed",
            "file": "common.data.sequences.readers.sets:own_file",
            "ml-latest-small": "common.data.sequences.readers.movielens:movielens",
            "sessions": "papers.mclrec.readers.sessions:sessions",
            "sports": "common.data.sequences.readers.sets:packed",
            "toys": "common.data.sequences.readers.sets:packed",
            "yelp": "common.data.sequences.readers.sets:packed",
        },
    ),
    "series": Registry(
        "time series",
        {
            "acsf1": "common.data.series.readers.labelled:archived",
            "arrow-head": "common.data.series.readers.labelled:archived",
            "basic-motions": "common.data.series.readers.labelled:archived",
            "coffee": "common.data.series.readers.labelled:archived",
            "csv": "common.data.series.readers.files:own_csv",
            "electricity": "common.data.series.readers.files:published",
            "etth1": "common.data.series.readers.files:published",
            "etth2": "common.data.series.readers.files:published",
            "ettm1": "common.data.series.readers.files:published",
            "exchange-rate": "common.data.series.readers.files:exchange_rate",
            "gun-point": "common.data.series.readers.labelled:archived",
            "italy-power-demand": "common.data.series.readers.labelled:archived",
            "japanese-vowels": "common.data.series.readers.labelled:archived",
            "labelled": "common.data.series.readers.labelled:own_labelled",
            "lora": "common.data.series.readers.files:published",
            "osu-leaf": "common.data.series.readers.labelled:archived",
            "pickup-gesture": "common.data.series.readers.labelled:archived",
            "plaid": "common.data.series.readers.labelled:archived",
            "seasons-equal": "papers.autotcl.readers.seasons:seasons",
            "seasons-loud": "papers.autotcl.readers.seasons:seasons",
            "seasons-quiet": "papers.autotcl.readers.seasons:seasons",
            "trace": "common.data.series.readers.labelled:archived",
            "wth": "common.data.series.readers.files:published",
        },
    ),
}

# Sets that no file of the catalogue describes: what `papers data verify` says of each.
VERIFIERS = Registry(
    "data set with a check of its own",
    {
        "ow-dfa": "common.data.targets.open_world.readers.tables:verify",
        "ow-forge-20": "papers.owdfa_cpl.readers.sanity:verify",
    },
)

# Sets whose pictures may have no label to be measured by.
MAY_LACK_LABELS = (
    *("bccd", "camvid", "coco", "digit-scenes", "faces-caltech"),
    *("image-folder", "nuclei", "voc"),
)

# What data modules ask of readers beside the set itself: a user's own data, and lists of names.
READERS = Registry(
    "reader",
    {
        "graphs": "common.data.graphs.readers.own:read_own",
        "labelled-series": "common.data.series.readers.labelled:read_unlabelled",
        "open-world": "common.data.targets.open_world.readers.tables:picture_paths",
        "picture-files": "common.data.pictures.readers.files:own_folder",
        "picture-list": "common.data.pictures.readers.files:read_list",
        "pictures": "common.data.pictures.readers.own:read_own",
        "readable-pictures": "common.data.pictures.readers.unreadable:keep_readable",
        "regression": "common.data.targets.regression.readers.own:read_inputs",
        "sequences": "common.data.sequences.readers.own:read_own",
        "series": "common.data.series.readers.own:read_own",
    },
)

# The data module, and the schema of ``data:``.
MODALITIES = {
    "graphs": ("common.data.graphs.module:GraphData", "common.data.graphs.config:GraphConfig"),
    "open-world": (
        "common.data.targets.open_world.module:OpenWorldData",
        "common.data.targets.open_world.config:OpenWorldConfig",
    ),
    "pictures": (
        "common.data.pictures.module:PictureData",
        "common.data.pictures.config:PictureConfig",
    ),
    "regression": (
        "common.data.targets.regression.module:RegressionData",
        "common.data.targets.regression.config:RegressionConfig",
    ),
    "sequences": (
        "common.data.sequences.module:SequenceData",
        "common.data.sequences.config:SequenceConfig",
    ),
    "series": ("common.data.series.module:SeriesData", "common.data.series.config:SeriesConfig"),
}

# Protocols that papers share (`common.evaluation.config.ProtocolConfig`); a paper declares its own.
PROTOCOLS = {
    "clustering": "common.evaluation.clustering_config:ClusteringConfig",
    "few-label": "common.evaluation.few_label_config:FewLabelConfig",
    "finetune": "common.evaluation.finetune_config:FinetuneConfig",
    "forecasting": "common.evaluation.forecasting_config:ForecastingConfig",
    "knn": "common.evaluation.knn_config:KnnConfig",
    "linear": "common.evaluation.linear_probe_config:LinearProbeConfig",
    "linear-sgd": "common.evaluation.linear_sgd_config:LinearSgdConfig",
    "node-probe": "common.evaluation.node_probe_config:NodeProbeConfig",
    "ranking": "common.evaluation.ranking_config:RankingConfig",
    "regression-probe": "common.evaluation.regression_probe_config:RegressionProbeConfig",
    "series-svm": "common.evaluation.series_svm_config:SeriesSvmConfig",
}

# Plots of every paper of a modality; a paper's own are in its plots.py.
PLOTS = Registry("modality with plots", {"pictures": "common.plots.pictures:draw"})
