"""Every protocol whose metrics move in jumps keeps scores that do not."""

from types import MappingProxyType

import numpy as np
import pytest
import torch
from torch import nn

from common.data.images.config import ImageConfig, ViewConfig
from common.data.images.module import ImageData
from common.data.images.synthetic import make as make_images
from common.data.series.config import SeriesConfig
from common.data.series.module import SeriesData
from common.data.series.synthetic import make as make_series
from common.data.targets.open_world.config import OpenWorldConfig
from common.data.targets.open_world.module import OpenWorldData
from common.data.targets.open_world.synthetic import make as make_open_world
from common.errors import LikewiseError
from common.evaluation.image_config import (
    FactorsConfig,
    FewLabelConfig,
    FinetuneConfig,
    KnnConfig,
    LinearProbeConfig,
    LinearSgdConfig,
    UniformityToleranceConfig,
)
from common.evaluation.node_config import ClusteringConfig, NodeProbeConfig
from common.evaluation.node_inputs import NodeEmbeddings
from common.evaluation.ranking import History, RankingInput
from common.evaluation.ranking_config import RankingConfig
from common.evaluation.regression_inputs import RegressionInputs, Samples
from common.evaluation.scores import keep, recorded
from common.evaluation.series_config import SeriesSvmConfig
from common.evaluation.vectors import FeatureSet
from papers.amcl.config import PairAucConfig
from papers.autotcl.config import MaskAgreementConfig
from papers.cmim.config import EuclidKnnConfig
from papers.owdfa_cpl.config import FeatureClustersConfig, HeadClustersConfig
from papers.pixpro.config import CorrespondenceConfig, DenseProbeConfig
from papers.sepclr.config import SeparationConfig
from papers.supremix.config import LabelOrderConfig
from tests.recipes import PROTOCOLS, measure

# Metrics that are continuous themselves.
TWO_FACTORS = {"names": ["a", "b"], "sizes": [2, 2], "epochs": 2}
CONTINUOUS = {"effective-rank", "rankme", "forecasting", "regression-finetune", "regression-probe"}
CONTINUOUS |= {"reconstruction"}
SETTINGS = {
    "clustering": ClusteringConfig(fits=2, starts=2),
    "correspondence": CorrespondenceConfig(),
    "dense-probe": DenseProbeConfig(epochs=1),
    "euclid-knn": EuclidKnnConfig(),
    "feature-clusters": FeatureClustersConfig(),
    "few-label": FewLabelConfig(labels=[3], draws=2),
    "finetune": FinetuneConfig(shares=[50.0], trunk_lr=[0.01], head_lr=[0.1], epochs=1),
    "head-clusters": HeadClustersConfig(),
    "knn": KnnConfig(k=5),
    "label-order": LabelOrderConfig(),
    "linear": LinearProbeConfig(epochs=2),
    "factors": FactorsConfig(**TWO_FACTORS),
    "separation": SeparationConfig(**TWO_FACTORS, common="a", salient="b"),
    "linear-sgd": LinearSgdConfig(epochs=2),
    "mask-agreement": MaskAgreementConfig(),
    "node-probe": NodeProbeConfig(iterations=5, probes=2),
    "pair-auc": PairAucConfig(),
    "ranking": RankingConfig(mask_history=True, sampled_negatives=5),
    "series-svm": SeriesSvmConfig(penalties=[1.0, 10.0], folds=2),
    "uniformity-tolerance": UniformityToleranceConfig(),
}
IMAGES = {
    "channels": 3,
    "height": 16,
    "width": 16,
    "num_classes": 4,
    "num_names": 4,
    "splits": {
        name: {"rows": num, "labelled": num} for name, num in {"train": 40, "test": 24}.items()
    },
    "map_classes": 3,
    "map_ignored": False,
    "instance_maps": False,
    "most_boxes": 0,
    "box_classes": 0,
}


class Encoder(nn.Module):
    """A module with every verb that protocols ask for; ``shift`` moves all that it says a bit."""

    learns_mask = True
    parts = MappingProxyType({"common": slice(3), "salient": slice(3, 6)})

    def __init__(self, shift, channels=3):
        super().__init__()
        self.shift = shift
        self.weight = nn.Parameter(
            torch.rand(channels, 6, generator=torch.Generator().manual_seed(0))
        )

    @property
    def backbone(self):
        return self

    def feature_map(self, images):
        pooled = nn.functional.avg_pool2d(images, 4)
        scale = 1 + self.shift * torch.arange(1, 7).to(pooled)
        weight = self.weight * scale
        return torch.einsum("bcyx,cd->bdyx", pooled, weight).sin()

    def embed(self, x):
        if x.ndim == 3:
            return (x @ self.weight * (1 + self.shift * torch.arange(1, 7).to(x))).sin()
        return self.feature_map(x).flatten(1)

    def predict(self, x):
        return self.embed(x)[:, :8]

    def mask_scores(self, x):
        return self.embed(x)


def image_inputs(shift):
    view = ViewConfig(count=2, size=16, area=[0.5, 1.0])
    config = ImageConfig(batch_size=4, holdout=0, views=[view])
    data = ImageData(config, 0, read=lambda root: make_images(IMAGES))
    return data.evaluation_inputs(Encoder(shift), "test")


def open_world_inputs(shift):
    counts = {"train": {"1": [4, 4, 0], "2": [2, 2, 4]}, "test": {"1": [20, 20, 20]}}
    shape = {"size": 16, "num_known": 2, "counts": counts}
    data = OpenWorldData(OpenWorldConfig(), 0, read=lambda config: make_open_world(shape))
    return data.evaluation_inputs(Encoder(shift), "test")


def labelled_inputs(shift):
    shape = {"kind": "labelled", "steps": 10, "shortest": 10, "channels": 2}
    shape["classes"] = {"train": [30, 30, 30], "test": [10, 10, 10]}
    config = SeriesConfig(name="trace", batch_size=4)
    data = SeriesData(config, 0, read=lambda config: make_series(shape))
    return data.evaluation_inputs(Encoder(shift, 2), "test")


def masked_inputs(shift):
    parts = [[0, 300], [300, 400], [400, 500]]
    shape = {"kind": "long", "columns": ["x"], "parts": parts, "dates": None}
    shape |= {"informative": True, "clean": True}
    config = SeriesConfig(length=50, window=20, batch_size=4)
    data = SeriesData(config, 0, read=lambda config: make_series(shape))
    return data.evaluation_inputs(Encoder(shift, 1), "test")


def drawn(shift, rows, dim=6):
    x = torch.randn(rows, dim, generator=torch.Generator().manual_seed(rows))
    return x * (1 + shift * torch.arange(dim))


def feature_inputs(shift):
    labels = torch.arange(60) % 3
    return FeatureSet(drawn(shift, 60), labels, drawn(shift, 30), labels[:30])


def node_inputs(shift):
    rows = torch.arange(90)
    return NodeEmbeddings(
        drawn(shift, 90), None, rows % 3, {5: (rows[:30], rows[30:60], rows[60:])}
    )


def ranking_inputs(shift):
    history = History(torch.arange(20) % 9 + 1, torch.arange(11) * 2)
    return RankingInput(drawn(shift, 10), drawn(shift, 31), torch.arange(10) + 11, history)


def number_inputs(shift):
    parts = {"test": Samples(drawn(shift, 30), torch.arange(30.0))}
    return RegressionInputs(parts)


# Their inputs are an encoder and its texts: test_text_protocols.py, and the papers' own tests.
TEXTS = {"alignment-uniformity", "association", "entry-prediction", "isotropy", "pair-task"}
TEXTS |= {"retrieval", "sts"}
PAIRS = {
    "caption-choice",
    "gap",
    "image-text-retrieval",
    "projectors",
    "text-transfer",
    "zero-shot",
}
ROWS = {"feature-error", "preferences", "query-accuracy"}
INPUTS = {
    **dict.fromkeys(("knn", "euclid-knn", "linear", "few-label"), feature_inputs),
    "node-probe": node_inputs,
    "clustering": lambda shift: node_inputs(shift).vectors,
    **dict.fromkeys(("head-clusters", "feature-clusters"), open_world_inputs),
    **dict.fromkeys(
        ("linear-sgd", "finetune", "dense-probe", "correspondence", "pair-auc"), image_inputs
    ),
    "uniformity-tolerance": image_inputs,
    **dict.fromkeys(("factors", "separation"), image_inputs),
    "label-order": number_inputs,
    "mask-agreement": masked_inputs,
    "ranking": ranking_inputs,
    "series-svm": labelled_inputs,
}


def scores(name, shift):
    with recorded() as found:
        metrics = measure(name, INPUTS[name](shift), SETTINGS[name])
    return metrics, found


def test_only_detection_texts_pairs_and_rows_are_measured_elsewhere():
    assert set(PROTOCOLS) - CONTINUOUS - set(INPUTS) == {"detection", *TEXTS, *PAIRS, *ROWS}


@pytest.mark.parametrize("name", INPUTS)
def test_a_small_change_moves_scores_a_little(name):
    silent = measure(name, INPUTS[name](0.0), SETTINGS[name])
    metrics, found = scores(name, 0.0)
    _, moved = scores(name, 1e-4)
    assert metrics == silent
    assert found and found.keys() == moved.keys()
    largest = 0.0
    for kind in found:
        for first, second in zip(found[kind], moved[kind], strict=True):
            assert np.isfinite(first).all()
            largest = max(largest, float(np.abs(first - second).max() / np.abs(first).max()))
    assert 0 < largest < 0.05


def test_an_encoder_that_gives_no_numbers_is_refused():
    encoded = (image_inputs, open_world_inputs, labelled_inputs, masked_inputs)
    names = {name for name, make in INPUTS.items() if make in encoded}
    for name in sorted(names - {"pair-auc", "uniformity-tolerance"}):  # these two answer NaN
        inputs = INPUTS[name](float("nan"))
        with pytest.raises(LikewiseError):
            pytest.fail(f"{name}: {measure(name, inputs, SETTINGS[name])}")


def test_what_is_masked_counts_as_nothing_and_tables_are_summed():
    with recorded() as found:
        keep("table", torch.tensor([[1.0, -torch.inf], [1.0, 0.0], [0.0, 1.0]]))
        keep("row", lambda: np.array([1.0, 2.0]))
    ((first, second, third),) = found["table"]
    assert first == second != third
    assert found["row"][0].tolist() == [1.0, 2.0]


def test_without_a_listener_nothing_is_computed():
    with recorded() as found:
        pass
    keep("late", lambda: pytest.fail("computed"))
    assert found == {}
