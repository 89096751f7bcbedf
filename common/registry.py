"""Names that recipes may use, and where each is defined.

A table holds ``name -> "module:attribute"`` so that a recipe's names are checked without
importing torch; the target is imported on first use.
"""

from importlib import import_module
from typing import Any

from common.errors import ConfigError, suggest


class Registry:
    """A table of names; a duplicate is an error, a miss offers the nearest name."""

    def __init__(self, kind: str, entries: dict[str, str] | None = None) -> None:
        self.kind = kind
        self.entries = dict(entries or {})

    def add(self, name: str, target: str) -> None:
        """Adds ``name``; raises `ValueError` if it is taken."""
        if name in self.entries:
            raise ValueError(f"{self.kind} {name!r} is registered already")
        self.entries[name] = target

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
        module, attribute = self.entries[name].split(":")
        return getattr(import_module(module), attribute)


BACKBONES = Registry(
    "backbone",
    {
        "forensic_conv": "common.backbones.forensic_conv:ForensicConv",
        "resnet18": "common.backbones.resnet:resnet18",
        "resnet50": "common.backbones.resnet:resnet50",
        "small_conv": "common.backbones.small_conv:SmallConv",
        "small_grid": "common.backbones.small_grid:SmallGrid",
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
        "text_pair": "common.backbones.text_pair:TextPair",
    },
)

# Whose batches the shared methods take.
METHODS_MODALITY = "pictures"

METHODS = Registry(
    "method",
    {
        "barlow-twins": "common.methods.barlow_twins:BarlowTwins",
        "moco": "common.methods.moco:MoCo",
        "simclr": "common.methods.simclr:SimCLR",
        "simsiam": "common.methods.simsiam:SimSiam",
        "supcon": "common.methods.supcon:SupCon",
        "supervised": "common.methods.supervised:Supervised",
    },
)

METHOD_SCHEMAS = Registry(
    "method",
    {
        "barlow-twins": "common.methods.config:BarlowTwinsConfig",
        "moco": "common.methods.config:MoCoConfig",
        "simclr": "common.methods.config:SimCLRConfig",
        "simsiam": "common.methods.config:SimSiamConfig",
        "supcon": "common.methods.config:SupConConfig",
        "supervised": "common.methods.config:SupervisedConfig",
    },
)

DATASETS = {
    "pictures": Registry(
        "picture data set",
        {
            "bccd": "common.data.pictures.boxes:bccd",
            "caltech101": "common.data.pictures.published:caltech101",
            "camvid": "common.data.pictures.dense:camvid",
            "cifar10": "common.data.pictures.originals:cifar10",
            "cifar10-jpeg": "common.data.pictures.published:cifar10_jpeg",
            "cifar100": "common.data.pictures.originals:cifar100",
            "coco": "common.data.pictures.box_files:coco",
            "digit-scenes": "common.data.pictures.scenes:digit_scenes",
            "faces-att": "common.data.pictures.published:faces_att",
            "faces-caltech": "common.data.pictures.published:faces_caltech",
            "fashion-mnist": "common.data.pictures.published:fashion_mnist",
            "fashion-mnist-full": "common.data.pictures.published:fashion_mnist_full",
            "image-folder": "common.data.pictures.files:image_folder",
            "imagenet": "common.data.pictures.files:imagenet",
            "imagenet100": "common.data.pictures.files:imagenet100",
            "nuclei": "common.data.pictures.dense:nuclei",
            "scattered-digits": "common.data.pictures.digits:scattered_digits",
            "stl10": "common.data.pictures.originals:stl10",
            "tiny-imagenet": "common.data.pictures.published:tiny_imagenet",
            "voc": "common.data.pictures.box_files:voc",
        },
    ),
    "graphs": Registry(
        "graph data set",
        {
            "acm": "common.data.graphs.packed:read_packed",
            "aminer": "common.data.graphs.packed:read_packed",
            "dblp": "common.data.graphs.packed:read_packed",
            "folder": "common.data.graphs.folder:read_folder",
            "freebase": "common.data.graphs.packed:read_packed",
            "hetero-data": "common.data.graphs.hetero:read_hetero_data",
            "imdb": "common.data.graphs.packed:read_packed",
            "papers-at-scale": "common.data.graphs.large:papers_at_scale",
            "papers-authors-subjects": "common.data.graphs.generated:papers_authors_subjects",
        },
    ),
    "open-world": Registry(
        "open-world data set",
        {
            "ow-dfa": "common.data.open_world.tables:ow_dfa",
            "ow-forge-20": "common.data.open_world.standin.generate:from_config",
        },
    ),
    "regression": Registry(
        "regression data set",
        {
            "abalone": "common.data.regression.tables:abalone",
            "agedb": "common.data.regression.pictures:agedb",
            "airfoil": "common.data.regression.tables:packed",
            "autompg": "common.data.regression.tables:packed",
            "bike": "common.data.regression.tables:packed",
            "cmapss-fd001": "common.data.regression.windows:cmapss_fd001",
            "concrete": "common.data.regression.tables:packed",
            "diabetes": "common.data.regression.tables:diabetes",
            "elevators": "common.data.regression.tables:packed",
            "energy": "common.data.regression.tables:packed",
            "gas": "common.data.regression.tables:packed",
            "imdb-wiki": "common.data.regression.pictures:imdb_wiki",
            "kin40k": "common.data.regression.tables:packed",
            "kin8nm": "common.data.regression.tables:packed",
            "naval": "common.data.regression.tables:packed",
            "parkinsons": "common.data.regression.tables:packed",
            "picture-table": "common.data.regression.pictures:own_pictures",
            "pol": "common.data.regression.tables:packed",
            "power": "common.data.regression.tables:packed",
            "protein": "common.data.regression.tables:packed",
            "rotated-digits": "common.data.regression.digits:rotated_digits",
            "scattered-rotated-digits": "common.data.regression.digits:scattered_rotated_digits",
            "skillcraft": "common.data.regression.tables:packed",
            "sml": "common.data.regression.tables:packed",
            "stsb": "common.data.regression.text:stsb",
            "table": "common.data.regression.tables:own_table",
            "volume-table": "common.data.regression.volumes:own_volumes",
            "wine-red": "common.data.regression.tables:packed",
            "yacht": "common.data.regression.tables:packed",
        },
    ),
    "sequences": Registry(
        "sequence data set",
        {
            "beauty": "common.data.sequences.sets:packed",
            "file": "common.data.sequences.sets:own_file",
            "ml-latest-small": "common.data.sequences.movielens:movielens",
            "sessions": "common.data.sequences.sets:sessions",
            "sports": "common.data.sequences.sets:packed",
            "toys": "common.data.sequences.sets:packed",
            "yelp": "common.data.sequences.sets:packed",
        },
    ),
    "series": Registry(
        "time series",
        {
            "acsf1": "common.data.series.labelled:archived",
            "arrow-head": "common.data.series.labelled:archived",
            "basic-motions": "common.data.series.labelled:archived",
            "coffee": "common.data.series.labelled:archived",
            "csv": "common.data.series.files:own_csv",
            "electricity": "common.data.series.files:published",
            "etth1": "common.data.series.files:published",
            "etth2": "common.data.series.files:published",
            "ettm1": "common.data.series.files:published",
            "exchange-rate": "common.data.series.files:exchange_rate",
            "gun-point": "common.data.series.labelled:archived",
            "italy-power-demand": "common.data.series.labelled:archived",
            "japanese-vowels": "common.data.series.labelled:archived",
            "labelled": "common.data.series.labelled:own_labelled",
            "lora": "common.data.series.files:published",
            "osu-leaf": "common.data.series.labelled:archived",
            "pickup-gesture": "common.data.series.labelled:archived",
            "plaid": "common.data.series.labelled:archived",
            "seasons-equal": "common.data.series.generated:seasons",
            "seasons-loud": "common.data.series.generated:seasons",
            "seasons-quiet": "common.data.series.generated:seasons",
            "trace": "common.data.series.labelled:archived",
            "wth": "common.data.series.files:published",
        },
    ),
}

DATA_MODULES = Registry(
    "modality",
    {
        "graphs": "common.data.graphs.module:GraphData",
        "open-world": "common.data.open_world.module:OpenWorldData",
        "pictures": "common.data.pictures.module:PictureData",
        "regression": "common.data.regression.module:RegressionData",
        "sequences": "common.data.sequences.module:SequenceData",
        "series": "common.data.series.module:SeriesData",
    },
)

DATA_SCHEMAS = Registry(
    "modality",
    {
        "graphs": "common.data.graphs.config:GraphConfig",
        "open-world": "common.data.open_world.config:OpenWorldConfig",
        "pictures": "common.data.pictures.config:PictureConfig",
        "regression": "common.data.regression.config:RegressionConfig",
        "sequences": "common.data.sequences.config:SequenceConfig",
        "series": "common.data.series.config:SeriesConfig",
    },
)

EVALUATORS = Registry(
    "evaluation protocol",
    {
        "clustering": "common.evaluation.clustering:evaluate_clustering",
        "correspondence": "common.evaluation.correspondence:evaluate_correspondence",
        "dense-probe": "common.evaluation.dense_probe:evaluate_dense_probe",
        "detection": "common.evaluation.detection:evaluate_detection",
        "effective-rank": "common.evaluation.effective_rank:evaluate_effective_rank",
        "feature-clusters": "common.evaluation.open_world:evaluate_feature_clusters",
        "few-label": "common.evaluation.few_label:evaluate_few_label",
        "finetune": "common.evaluation.finetune:evaluate_finetune",
        "forecasting": "common.evaluation.forecasting:evaluate_forecasting",
        "head-clusters": "common.evaluation.open_world:evaluate_heads",
        "knn": "common.evaluation.knn:evaluate_knn",
        "label-order": "common.evaluation.label_order:evaluate_label_order",
        "linear": "common.evaluation.linear_probe:evaluate_linear",
        "linear-sgd": "common.evaluation.linear_sgd:evaluate_linear_sgd",
        "mask-agreement": "common.evaluation.mask_agreement:evaluate_mask_agreement",
        "node-probe": "common.evaluation.node_probe:evaluate_nodes",
        "pair-auc": "common.evaluation.pair_auc:evaluate_pair_auc",
        "ranking": "common.evaluation.ranking:evaluate_ranking",
        "regression-finetune": "common.evaluation.regression_finetune:evaluate_regression_finetune",
        "regression-probe": "common.evaluation.regression_probe:evaluate_regression_probe",
        "series-svm": "common.evaluation.series_svm:evaluate_series_svm",
    },
)

# Plots of every paper of a modality; a paper's own are in its plots.py.
PLOTS = Registry(
    "modality with plots",
    {
        "graphs": "common.plots.graphs:draw",
        "pictures": "common.plots.pictures:draw",
        "sequences": "common.plots.sequences:draw",
    },
)
