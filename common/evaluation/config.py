"""The ``evaluation:`` section: which protocols run when, and the settings of each."""

from dataclasses import dataclass, field

from common.errors import ConfigError
from common.evaluation.detection_config import DetectionConfig
from common.evaluation.rank_config import EffectiveRankConfig
from common.settings import setting

# Sets whose pictures may have no label to be measured by.
MAY_LACK_LABELS = (
    *("bccd", "camvid", "coco", "digit-scenes", "faces-caltech"),
    *("image-folder", "nuclei", "voc"),
)


@dataclass
class ClusteringConfig:
    """k-means on node embeddings; the defaults are MEOW's (utils/evaluate.py)."""

    fits: int = setting(10, at_least=1)
    # scikit-learn's default in the official environment (1.1.1); from 1.4 on its default is 1.
    starts: int = setting(10, at_least=1)
    # Measure a pass with dropout active too, as the official code does (keys active_*).
    dropout_active: bool = True


@dataclass
class NodeProbeConfig:
    """Linear probes on node embeddings; the defaults are MEOW's on ACM (utils/evaluate.py)."""

    lr: float = setting(0.03, above=0)
    weight_decay: float = setting(0.0, at_least=0)
    iterations: int = setting(200, at_least=1)
    probes: int = setting(50, at_least=1)
    # Measure a pass with dropout active too, as the official code does (keys active_*).
    dropout_active: bool = True


@dataclass
class FewLabelConfig:
    """Protocol ``few-label``: a handful of labels of each class."""

    labels: list[int] = setting([1, 5, 10], at_least=1)
    draws: int = setting(10, at_least=1)
    # C of scikit-learn's logistic regression.
    logistic_c: float = setting(0.1, above=0)


@dataclass
class KnnConfig:
    """Protocol ``knn``: weighted neighbours by cosine.

    DINO's k-NN is k=20, temperature=0.07, standardise=false; lightly's k=200, 0.1, false.
    """

    k: int = setting(20, at_least=1)
    # Wu et al. 2018 (and most since) weigh by exp(cosine / 0.07).
    temperature: float = setting(0.07, above=0)
    # Zero mean and unit deviation before the cosine; papers' own k-NN mostly does without.
    standardise: bool = True


@dataclass
class LinearProbeConfig:
    """Protocol ``linear``: the fast probe, Adam on standardised features."""

    epochs: int = setting(50, at_least=1)
    batch_size: int = setting(256, at_least=1)
    lr: float = setting(0.03, above=0)
    weight_decay: float = setting(0.0, at_least=0)


@dataclass
class CropConfig:
    """Random crop and mirror of the pictures that a protocol trains on (torchvision's)."""

    # Pixels; null: as large as the pictures that are tested.
    size: int | None = setting(None, at_least=1)
    area: list[float] = setting([0.08, 1.0], above=0, at_most=1)
    flip: float = setting(0.5, at_least=0, at_most=1)


@dataclass
class LinearSgdConfig:
    """Protocol ``linear-sgd``; the defaults are SwAV's (official repository, eval_linear.py)."""

    epochs: int = setting(100, at_least=1)
    batch_size: int = setting(256, at_least=1)
    # To 0 along a half cosine, a step an epoch.
    lr: float = setting(0.3, above=0)
    momentum: float = setting(0.9, at_least=0, below=1)
    weight_decay: float = setting(1e-6, at_least=0)
    crop: CropConfig = field(default_factory=CropConfig)


@dataclass
class FinetuneConfig:
    """Protocol ``finetune``; the defaults are SwAV's (official readme and eval_semisup.py)."""

    # Per cent of the labels; one fine-tuning of its own for each.
    shares: list[float] = setting([1.0, 10.0], above=0, at_most=100)
    # For each share, the rates of the network and of the new classifier.
    trunk_lr: list[float] = setting([0.02, 0.01], at_least=0)
    head_lr: list[float] = setting([5.0, 0.2], above=0)
    # For each share a file of picture names, in the data root (SimCLR's 1percent.txt and
    # 10percent.txt for ImageNet); empty: drawn by seed, the same share of each class.
    lists: list[str] = setting([], names_file=True)
    epochs: int = setting(20, at_least=1)
    batch_size: int = setting(256, at_least=2)
    momentum: float = setting(0.9, at_least=0, below=1)
    weight_decay: float = setting(0.0, at_least=0)
    # Both rates are multiplied by `decay` after each of these epochs.
    milestones: list[int] = setting([12, 16], at_least=1)
    decay: float = setting(0.2, above=0)
    crop: CropConfig = field(default_factory=CropConfig)

    def __post_init__(self) -> None:
        """Raises `ConfigError` unless each share has its rates and its list."""
        for name in ("trunk_lr", "head_lr", "lists"):
            given = len(getattr(self, name))
            if given != len(self.shares) and (given or name != "lists"):
                raise ConfigError(
                    f"evaluation.finetune.{name}: {given} values for {len(self.shares)} shares"
                )


@dataclass
class DenseProbeConfig:
    """Protocol ``dense-probe``: a 1x1 convolution on frozen maps, Adam."""

    epochs: int = setting(20, at_least=1)
    # Pictures, each with all its cells.
    batch_size: int = setting(16, at_least=1)
    lr: float = setting(0.01, above=0)
    weight_decay: float = setting(0.0, at_least=0)


@dataclass
class CorrespondenceConfig:
    """Protocol ``correspondence``: the same place in two views of a picture."""

    # Pairs of views of each picture.
    draws: int = setting(1, at_least=1)
    # Distance below which cells correspond, in diagonals of the larger one; PixPro's.
    threshold: float = setting(0.7, above=0)


@dataclass
class PairAucConfig:
    """Protocol ``pair-auc``: two views of one picture against views of two."""

    # Tested pictures; as many are drawn by seed where there are more.
    max_pictures: int = setting(500, at_least=2)


@dataclass
class RankingConfig:
    """Full ranking of the next item among all (``common/evaluation/ranking.py``)."""

    cutoffs: list[int] = setting([5, 10, 20], at_least=1)
    # Leaves out what the user met before: higher figures, not comparable with the papers'.
    mask_history: bool = False
    sampled_negatives: int | None = setting(None, at_least=1)  # adds sampled_hr@k and the like
    # Users scored at once.
    chunk: int = setting(128, at_least=1, result_neutral=True)


@dataclass
class RegressionProbeConfig:
    """Protocol ``regression-probe``: a linear regressor on standardised frozen features."""

    # ridge: the penalty with the least validation error, then fitted on training and validation
    # samples. adam: as SupReMix's published probe, on training samples.
    solver: str = setting("ridge", choices=("ridge", "adam"))
    alphas: list[float] = setting([0.01, 0.1, 1.0, 10.0, 100.0, 1000.0], above=0)
    # The rest is of `adam`; the published values for AgeDB (for IMDB-WIKI: l1, batches of 32).
    loss: str = setting("mse", choices=("mse", "l1"))
    lr: float = setting(0.1, above=0)
    epochs: int = setting(100, at_least=1)
    batch_size: int = setting(16, at_least=1)
    milestones: list[int] = setting([60, 80], at_least=1)
    # Metrics by how many training samples have the label (Yang et al. 2021).
    shots: bool = False
    many_above: int = setting(100, at_least=1)
    few_below: int = setting(20, at_least=1)


@dataclass
class LabelOrderConfig:
    """Protocol ``label-order``: rank correlation of label distance and embedding distance."""

    # All pairs of so many test samples; more are drawn from by seed.
    max_samples: int = setting(1000, at_least=3)


@dataclass
class RegressionFinetuneConfig:
    """Protocol ``regression-finetune``: all weights and a new linear layer, on the labels."""

    loss: str = setting("l1", choices=("l1", "mse"))
    lr: float = setting(1e-3, above=0)
    epochs: int = setting(20, at_least=1)
    batch_size: int = setting(64, at_least=2)


@dataclass
class ForecastingConfig:
    """Protocol ``forecasting``: ridge on frozen features (TS2Vec's, and most since)."""

    # Steps ahead, each a regression of its own.
    horizons: list[int] = setting([24, 48, 168, 336, 720], at_least=1)
    alphas: list[float] = setting(
        [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0], above=0
    )
    # Training and validation samples; of more, so many are drawn, the same each time.
    max_samples: int = setting(100_000, at_least=2)
    # Of the reference `lags`: the last raw values.
    lags: int = setting(48, at_least=1)


@dataclass
class SeriesSvmConfig:
    """Protocol ``series-svm``; TS2Vec's grid, whose last value stands for infinity."""

    penalties: list[float] = setting([10.0**power for power in (*range(-4, 5), 8)], above=0)
    folds: int = setting(5, at_least=2)
    max_samples: int = setting(10_000, at_least=2)


@dataclass
class MaskAgreementConfig:
    """Protocol ``mask-agreement``: a mask's score against the truth of a generated series."""

    # Steps that the comparison, the size of the values, is averaged over.
    neighbours: int = setting(9, at_least=1)

    def __post_init__(self) -> None:
        """Raises `ConfigError` for an even number, which has no middle."""
        if self.neighbours % 2 == 0:
            raise ConfigError(
                f"evaluation.mask_agreement.neighbours: {self.neighbours} must be odd"
            )


@dataclass
class FeatureClustersConfig:
    """Protocol ``feature-clusters``: k-means on features, k the number of classes."""

    starts: int = setting(4, at_least=1)


@dataclass
class EvaluationConfig:
    """Protocols by name, run at the end (``protocols``) and during training (``online``)."""

    # Which names a paper knows, `common.config.protocols` tells.
    protocols: list[str] = field(default_factory=list)
    online: list[str] = field(default_factory=list)
    every_epochs: int = setting(1, at_least=1)
    # A batch interval instead of every_epochs, for epochs that are long or short.
    every_batches: int | None = setting(None, at_least=1)
    # The key that `select: best` and `patience` watch, such as val/mrr@10 or train/epoch_loss.
    monitor: str | None = None
    mode: str = setting("max", choices=("max", "min"))
    # Evaluations without improvement before training stops; null: never.
    patience: int | None = setting(None, at_least=0)
    select: str = setting("last", choices=("last", "best"))
    # What `online` measures. "test" is for a paper's code that picks its checkpoint by the tested
    # pictures.
    online_split: str = setting("val", choices=("val", "test"))
    # Measures the best weights by `monitor` too, as test/best_...; the result stays the last ones'.
    also_best: bool = False
    # Learning-free or untrained encoders measured beside the result.
    references: list[str] = field(default_factory=lambda: ["untrained", "raw"])
    clustering: ClusteringConfig = field(default_factory=ClusteringConfig)
    correspondence: CorrespondenceConfig = field(default_factory=CorrespondenceConfig)
    dense_probe: DenseProbeConfig = field(default_factory=DenseProbeConfig)
    detection: DetectionConfig = field(default_factory=DetectionConfig)
    node_probe: NodeProbeConfig = field(default_factory=NodeProbeConfig)
    effective_rank: EffectiveRankConfig = field(default_factory=EffectiveRankConfig)
    few_label: FewLabelConfig = field(default_factory=FewLabelConfig)
    knn: KnnConfig = field(default_factory=KnnConfig)
    feature_clusters: FeatureClustersConfig = field(default_factory=FeatureClustersConfig)
    finetune: FinetuneConfig = field(default_factory=FinetuneConfig)
    linear: LinearProbeConfig = field(default_factory=LinearProbeConfig)
    linear_sgd: LinearSgdConfig = field(default_factory=LinearSgdConfig)
    pair_auc: PairAucConfig = field(default_factory=PairAucConfig)
    ranking: RankingConfig = field(default_factory=RankingConfig)
    regression_probe: RegressionProbeConfig = field(default_factory=RegressionProbeConfig)
    label_order: LabelOrderConfig = field(default_factory=LabelOrderConfig)
    regression_finetune: RegressionFinetuneConfig = field(default_factory=RegressionFinetuneConfig)
    forecasting: ForecastingConfig = field(default_factory=ForecastingConfig)
    series_svm: SeriesSvmConfig = field(default_factory=SeriesSvmConfig)
    mask_agreement: MaskAgreementConfig = field(default_factory=MaskAgreementConfig)

    @property
    def keeps_best(self) -> bool:
        """Whether the best weights are written during training."""
        return self.select == "best" or self.also_best
