import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, roc_auc_score

from common.evaluation.clustering import evaluate_clustering
from common.evaluation.node_config import ClusteringConfig, NodeProbeConfig
from common.evaluation.node_inputs import NodeEmbeddings
from common.evaluation.node_probe import _initial_weights, evaluate_nodes, f1_scores


def embeddings(noise, active=None):
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(240) % 3
    z = torch.eye(4)[labels] + noise * torch.randn(240, 4, generator=generator)
    ids = torch.randperm(240, generator=generator)
    return NodeEmbeddings(z, active, labels, {20: (ids[:60], ids[60:150], ids[150:])})


def test_f1_equals_scikit_learn():
    generator = torch.Generator().manual_seed(0)
    predicted = torch.randint(0, 4, (50, 3), generator=generator)
    labels = torch.randint(0, 3, (50,), generator=generator)
    predicted[:, 2] = 1
    macro, micro = f1_scores(predicted, labels, 4)
    for probe in range(3):
        kwargs = {"y_true": labels, "y_pred": predicted[:, probe]}
        assert macro[probe].item() == pytest.approx(f1_score(average="macro", **kwargs))
        assert micro[probe].item() == pytest.approx(f1_score(average="micro", **kwargs))


def test_batched_probes_equal_one_probe_at_a_time():
    inputs, settings = embeddings(0.8), NodeProbeConfig(probes=3, iterations=40, weight_decay=1e-3)
    got = evaluate_nodes(inputs, settings, seed=1)
    weights, _ = _initial_weights(4, 3, 3, seed=1)
    scores = [one_probe(inputs, weights[:, probe].detach(), settings) for probe in range(3)]
    for key, values in zip(
        ("macro_f1_20", "micro_f1_20", "auc_20"), np.array(scores).T, strict=True
    ):
        assert got[key] == pytest.approx(100 * values.mean(), abs=1e-3)
        assert got[f"{key}_std"] == pytest.approx(100 * values.std(), abs=1e-3)


def one_probe(inputs, weight, settings):
    train, val, test = inputs.splits[20]
    linear = torch.nn.Linear(4, 3)
    linear.load_state_dict({"weight": weight.T, "bias": torch.zeros(3)})
    optimizer = torch.optim.Adam(
        linear.parameters(), lr=settings.lr, weight_decay=settings.weight_decay
    )
    curves = []
    for _ in range(settings.iterations):
        optimizer.zero_grad()
        logits = linear(inputs.z[train])
        torch.nn.functional.cross_entropy(logits, inputs.labels[train]).backward()
        optimizer.step()
        with torch.no_grad():
            curves.append([linear(inputs.z[part]) for part in (val, test)])
    labels = inputs.labels

    def curve(average, which, part):
        return [f1_score(labels[part], c[which].argmax(1), average=average) for c in curves]

    averages = ("macro", "micro")
    best = {average: int(np.argmax(curve(average, 0, val))) for average in averages}
    auc = roc_auc_score(labels[test], curves[best["micro"]][1].softmax(1), multi_class="ovr")
    return [*(curve(average, 1, test)[best[average]] for average in averages), auc]


def test_good_embeddings_score_high_and_noise_scores_low():
    settings = NodeProbeConfig(probes=2)
    good = evaluate_nodes(embeddings(0.05), NodeProbeConfig(probes=2, lr=0.3), 0)
    bad = evaluate_nodes(embeddings(100.0), settings, 0)
    assert good["macro_f1_20"] > 99 and bad["macro_f1_20"] < 60
    assert evaluate_clustering(embeddings(0.1).vectors, ClusteringConfig(), 0)["nmi"] > 99
    assert evaluate_clustering(embeddings(100.0).vectors, ClusteringConfig(), 0)["nmi"] < 20


def test_dropout_active_embedding_is_measured_apart():
    active = torch.randn(240, 4)
    settings = NodeProbeConfig(probes=2, iterations=20)
    found = evaluate_nodes(embeddings(0.1, active), settings, 0)
    assert found["macro_f1_20"] > found["active_macro_f1_20"]
    settings.dropout_active = False
    assert "active_macro_f1_20" not in evaluate_nodes(embeddings(0.1, active), settings, 0)


def test_unlabelled_nodes_are_not_clustered():
    inputs = embeddings(0.1)
    labels = inputs.labels.clone()
    labels[:30] = -1
    z = inputs.z.clone()
    z[:30] = 1000.0
    found = evaluate_clustering(
        inputs._replace(labels=labels, z=z).vectors, ClusteringConfig(fits=2), 0
    )
    assert found["nmi"] > 99
