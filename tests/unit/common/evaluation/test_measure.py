"""Figures of vectors equal those of other libraries, and their intervals hold."""

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from scipy.stats import pearsonr, spearmanr
from sklearn.cluster import KMeans
from sklearn.linear_model import Ridge
from sklearn.metrics import confusion_matrix, mean_absolute_error, r2_score
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from torchmetrics.functional.clustering import adjusted_rand_score, normalized_mutual_info_score
from torchmetrics.functional.retrieval import retrieval_hit_rate, retrieval_reciprocal_rank

from common.errors import ConfigError
from common.evaluation.clustering import matched_accuracy
from common.evaluation.measure import Figure, at_chance, evaluation_of, interval, measure
from common.evaluation.vectors import Part, Partners, ScoredPairs, Vectors, validated

R = np.random.default_rng(0)
Y = R.integers(0, 4, 240)
X = R.normal(size=(4, 12))[Y] + R.normal(size=(240, 12))
OTHER = X + R.normal(size=X.shape)
TRAIN, TEST = slice(0, 160), slice(160, 240)


def part(rows, classes=True, numbers=None):
    x = torch.from_numpy(X[rows])
    y = torch.from_numpy(Y[rows]) if classes else None
    return Part(lambda: x, y, numbers)


LABELLED = Vectors(part(TEST), part(TRAIN))


def found(vectors, name, **settings):
    config = evaluation_of(vectors, [name], **{name.replace("-", "_"): settings})
    return {key: figure.value for key, figure in measure(vectors, config).items()}


def test_neighbours_are_those_of_scikit_learn_on_standardised_features():
    scale = StandardScaler().fit(X[TRAIN])
    weights = {"weights": lambda d: np.exp((1 - d) / 0.07)}
    theirs = KNeighborsClassifier(9, metric="cosine", algorithm="brute", **weights)
    theirs.fit(scale.transform(X[TRAIN]), Y[TRAIN])
    score = 100 * theirs.score(scale.transform(X[TEST]), Y[TEST])
    assert found(LABELLED, "knn", k=9)["knn_top1"] == pytest.approx(score)


def test_neighbours_are_those_of_faiss():
    faiss = pytest.importorskip("faiss")
    unit = (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32)
    index = faiss.IndexFlatIP(12)
    index.add(unit[TRAIN])
    nearest = index.search(unit[TEST], 1)[1][:, 0]
    score = 100 * (Y[TRAIN][nearest] == Y[TEST]).mean()
    ours = found(LABELLED, "knn", k=1, standardise=False)
    assert ours["knn_top1"] == pytest.approx(score)


def test_clusters_score_as_with_torchmetrics_and_scipy():
    guess = KMeans(4, n_init=1, random_state=0).fit_predict(X)
    counts = confusion_matrix(Y, guess)
    theirs = counts[linear_sum_assignment(-counts)].sum() / len(Y)
    assert matched_accuracy(Y, guess) == pytest.approx(theirs)
    ours = found(LABELLED, "clustering", fits=1)
    same = KMeans(4, n_init=10, random_state=0).fit_predict(X[TEST])
    labels = torch.from_numpy(same).long(), torch.from_numpy(Y[TEST])
    assert ours["nmi"] == pytest.approx(
        100 * normalized_mutual_info_score(*labels).item(), abs=1e-3
    )
    assert ours["ari"] == pytest.approx(100 * adjusted_rand_score(*labels).item(), abs=1e-3)


def test_ranks_of_classes_are_those_of_torchmetrics():
    means = np.stack([X[TRAIN][Y[TRAIN] == name].mean(0) for name in range(4)])
    scores = torch.from_numpy(cosine_similarity(X[TEST] - means.mean(0), means - means.mean(0)))
    scores = scores + 2  # torchmetrics takes no score below 0 for one
    right = torch.from_numpy(Y[TEST])[:, None] == torch.arange(4)
    pairs = list(zip(scores, right, strict=True))
    ours = found(LABELLED, "retrieval", cutoffs=[2])
    mrr = torch.stack([retrieval_reciprocal_rank(*pair) for pair in pairs]).mean().item()
    hits = torch.stack([retrieval_hit_rate(*pair, top_k=2) for pair in pairs]).mean().item()
    assert ours == {"mrr": pytest.approx(100 * mrr), "recall@2": pytest.approx(100 * hits)}


def test_correlations_are_those_of_scipy():
    scores = R.normal(size=240)
    sides = [Part(lambda x=x: torch.from_numpy(x)) for x in (X, OTHER)]
    vectors = Vectors(sides[0], pairs=ScoredPairs(*sides, scores, np.zeros(240, int)))
    cosines = np.diag(cosine_similarity(X, OTHER))
    assert found(vectors, "sts") == {
        "spearman": pytest.approx(100 * spearmanr(cosines, scores).statistic),
        "pearson": pytest.approx(100 * pearsonr(cosines, scores).statistic),
    }


def test_a_regression_is_scikit_learns_ridge():
    y = torch.from_numpy(X @ R.normal(size=12) + R.normal(size=240))
    train = Part(lambda: torch.from_numpy(X[TRAIN]), numbers=y[TRAIN])
    vectors = Vectors(part(TEST, False, y[TEST]), *validated(train))
    ours = found(vectors, "regression-probe", alphas=[3.0])
    order = [row for row in range(160) if row % 5] + list(range(0, 160, 5))
    scale = StandardScaler().fit(X[order])
    theirs = Ridge(3.0).fit(scale.transform(X[order]), y[order]).predict(scale.transform(X[TEST]))
    assert ours["mae"] == pytest.approx(mean_absolute_error(y[TEST], theirs))
    assert ours["r2"] == pytest.approx(r2_score(y[TEST], theirs))


def test_isotropy_of_vectors_and_of_their_partners_is_one_less_the_mean_cosine():
    partners = Partners(Part(lambda: torch.from_numpy(OTHER)), np.arange(240), ("first", "second"))
    ours = found(Vectors(part(slice(None), False), partners=partners), "isotropy")
    for name, x in (("isotropy", X), ("second_isotropy", OTHER)):
        cosines = cosine_similarity(x)
        mean = (cosines.sum() - len(x)) / (len(x) * (len(x) - 1))
        assert ours[name] == pytest.approx(1 - mean)


def test_all_that_fits_is_measured_and_few_rows_narrow_the_defaults():
    few = Vectors(part(slice(160, 170)), part(slice(0, 12)))
    config = evaluation_of(few)
    assert config.settings("knn").k == 12 and 10 not in config.settings("few-label").labels
    assert {"knn_top1", "nmi", "rankme", "recall@1"} <= set(measure(few, config))
    assert set(evaluation_of(Vectors(part(TEST, False))).protocols) == {
        *("alignment-uniformity", "effective-rank", "isotropy", "rankme"),
    }
    with pytest.raises(ConfigError, match="sts needs pairs with scores"):
        evaluation_of(LABELLED, ["sts"])
    with pytest.raises(ConfigError, match="only 12 labelled samples"):
        evaluation_of(few, ["knn"], knn={"k": 13})


def test_a_mean_over_rows_has_an_interval_and_other_metrics_have_none():
    figures = measure(LABELLED, evaluation_of(LABELLED, ["knn", "rankme"]))
    knn = figures["knn_top1"]
    assert knn.low < knn.value < knn.high and knn.rows == 80
    assert figures["rankme"] == Figure(figures["rankme"].value)


def test_the_interval_covers_the_mean_as_often_as_it_says():
    generator = torch.Generator().manual_seed(0)
    for share, least in ((0.9, 0.93), (0.5, 0.93)):
        draws = 100 * (torch.rand(2000, 60, generator=generator) < share).double()
        bounds = [interval(rows) for rows in draws]
        held = np.mean([low <= 100 * share <= high for low, high in bounds])
        assert least < held < 0.98
    low, high = interval(torch.full((50,), 100.0, dtype=torch.float64))
    assert low < 95 and high == pytest.approx(100)


def test_random_vectors_are_at_chance():
    chance = at_chance(LABELLED)
    figure = measure(chance, evaluation_of(chance, ["knn"]))["knn_top1"]
    assert figure.low < 25 < figure.high and chance.test.x.shape == (80, 12)
