import os
from copy import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from common.data.graphs import module as module_of_data
from common.data.graphs import references
from common.data.graphs.config import GraphConfig
from common.data.graphs.graph import (
    count_classes,
    dense_features,
    get_labels,
    get_splits,
    join_links,
    split_metapath,
)
from common.data.graphs.metapath_graphs import path_product
from common.data.graphs.module import GraphData
from common.data.graphs.prepare import split_hops
from common.errors import ConfigError, DataError
from common.evaluation.config import EvaluationConfig
from papers.meow.config import MEOWConfig
from papers.meow.module import MEOW

REAL = pytest.mark.skipif("LIKEWISE_DATA" not in os.environ, reason="LIKEWISE_DATA is not set")


@pytest.fixture(scope="module")
def data():
    found = GraphData(GraphConfig(), seed=0)
    found.load()
    return found


@pytest.fixture(scope="module")
def module(data):
    return MEOW(MEOWConfig(num_clusters=[20, 60]), None, data.facts)


def counts_of(graph, path):
    """The whole product of a meta-path, which nothing else makes."""
    return path_product(join_links(graph), split_metapath(graph, path))


def test_generated_graph_has_the_described_sizes(data):
    graph = data.graph
    assert np.bincount(get_labels(graph)).tolist() == [300, 300, 200]
    assert [len(part) for part in get_splits(graph)[20]] == [60, 300, 440]
    assert join_links(graph)["paper", "subject"].sum(1).max() == 1
    assert graph["paper"].x.layout == torch.sparse_csr, "sparse features stay sparse"
    np.testing.assert_allclose(dense_features(graph, "paper").sum(1), 1, rtol=1e-5)


def test_graph_follows_the_seed_and_the_fingerprint_its_rule(data):
    other = GraphData(GraphConfig(), seed=1)
    other.load()
    assert (get_labels(other.graph) != get_labels(data.graph)).any()
    assert other.fingerprint == data.fingerprint
    changed = GraphData(GraphConfig(graph_seed=5), seed=1)
    changed.load()
    assert changed.fingerprint != data.fingerprint


@pytest.mark.parametrize(
    ("changes", "seed", "readings"),
    [
        ({}, 0, [0]),
        ({}, 3, [3, 0]),  # the fingerprint is that of the rule, taken at seed 0
        ({"graph_seed": 5}, 3, [3]),
        ({"name": "folder"}, 3, [3]),
    ],
)
def test_a_graph_is_read_once_unless_each_seed_has_its_own(
    monkeypatch, data, changes, seed, readings
):
    read = []

    def reader(config, seed):
        read.append(seed)
        return data.graph

    monkeypatch.setattr(module_of_data.DataSets, "get", lambda sets, name: reader)
    monkeypatch.setattr(module_of_data, "prepare_graph", lambda *parts: None)
    monkeypatch.setattr(module_of_data, "make_batch", lambda prepared: object())
    found = GraphData(GraphConfig(**changes), seed)
    found.load()
    assert read == readings and found.fingerprint == data.fingerprint


def test_one_batch_an_epoch_and_seek(data):
    loader = data.train_dataloader()
    assert len(loader) == 1 and len(list(loader)) == 1
    data.seek(7)
    assert data._sampler.epoch == 7
    data.seek(0)


@pytest.mark.parametrize(("size", "samples"), [(None, 800), (100, 100)])
def test_the_samples_of_a_step_are_target_nodes(size, samples):
    assert GraphData(GraphConfig(batch_size=size), seed=0).step_samples == samples


def test_evaluation_restores_mode_and_draws_nothing(data, module):
    module.train()
    before = torch.random.get_rng_state()
    inputs = data.evaluation_inputs(module, "test")
    assert module.training and torch.equal(before, torch.random.get_rng_state())
    assert inputs.z.shape == (800, 64) and not torch.equal(inputs.z, inputs.active_z)
    again = data.evaluation_inputs(module, "val")
    assert torch.equal(inputs.active_z, again.active_z)
    assert torch.equal(again.splits[20][1], again.splits[20][2])


def test_references_propagate_without_learning(data):
    found = data.references("test")
    assert set(found) == {"raw", "propagated", "propagated-context"}
    raw = found["raw"].z.numpy()
    graph = data.graph
    expected = 0
    for path in graph.metapaths:
        counts = counts_of(graph, path).toarray()
        expected = expected + counts @ raw / np.maximum(counts.sum(1, keepdims=True), 1) / 2
    np.testing.assert_allclose(found["propagated"].z.numpy(), expected, atol=1e-6)


def test_hops_of_long_metapaths_are_shared(data):
    ends = [("p", "to", "a"), ("p", "to", "c"), ("p", "to", "t")]
    graph = SimpleNamespace(target="a", node_types=list("apct"), edge_types=ends)
    hops, contexts = split_hops(graph, ["a-p-a", "a-p-c-p-a", "a-p-t-p-a"])
    assert ["-".join(hop) for hop in hops] == ["a-p", "a-p-c", "a-p-c-p", "a-p-t", "a-p-t-p"]
    assert contexts == [[0], [0, 1, 2], [0, 3, 4]]


def test_broken_file_is_named(tmp_path):
    (tmp_path / "hin").mkdir()
    np.savez(tmp_path / "hin/acm.npz", labels=np.zeros(3))
    with pytest.raises(DataError, match="not the packed acm graph"):
        GraphData(GraphConfig(name="acm", root=str(tmp_path)), 0).load()
    (tmp_path / "hin/acm.npz").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(DataError, match="not the packed acm graph"):
        GraphData(GraphConfig(name="acm", root=str(tmp_path)), 0).load()


REAL_GRAPHS = ("aminer", pytest.param("dblp", marks=pytest.mark.slow), "freebase", "imdb")


def small(name, **changes):
    """Reads a real graph with few neighbours, which is quick to prepare."""
    paths = 2 if name in ("acm", "aminer") else 3
    lists = {"top_k": [10] * paths, "edge_mask": [0.1] * paths}
    return GraphData(GraphConfig(name=name, **lists | changes), seed=0)


@REAL
@pytest.mark.parametrize("name", REAL_GRAPHS)
def test_other_real_graphs_load_and_step(name):
    data = small(name)
    sizes, splits = count_classes(data.graph) * np.array([20, 40, 60]), get_splits(data.graph)
    assert [len(splits[number].train) for number in (20, 40, 60)] == sizes.tolist()
    assert all(len(split.test) == 1000 for split in splits.values())
    module = MEOW(MEOWConfig(num_clusters=[5, 9], dim=8), None, data.facts)
    module.log = lambda *args, **kwargs: None
    assert len(module.encoder.context_linears) == (
        7 if name == "dblp" else len(module.encoder.contexts)
    )
    loss = module.training_step(data.batch, 0)
    loss.backward()
    assert torch.isfinite(loss)
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in module.parameters())


@REAL
@pytest.mark.slow
def test_without_features_every_type_is_one_hot_and_no_wide_reference_is_made():
    data = small("aminer", path_counts="ones")
    assert data.facts.feature_dims == (6564, 13329, 35890)
    kept = data.batch.adjacency[0].forward
    assert kept.shape == (6564, 6564)
    # 35,890 one-hot columns would take 5 GB: a reference is made when it is taken.
    references = data.references("test")
    assert set(references) == {"raw", "propagated", "propagated-context"}
    assert references["propagated"].z.shape == (6564, 6564)
    with pytest.raises(KeyError):
        references["popularity"]


def test_references_too_wide_for_the_memory_are_refused_before_training(monkeypatch):
    data = GraphData(GraphConfig(), seed=0)
    asked = ["untrained", "raw", "propagated", "propagated-context"]
    data.check_evaluation(EvaluationConfig(references=asked))
    graph, paths = data.graph, data.metapaths(data.graph)
    bare = copy(graph)
    del bare["paper"].x
    monkeypatch.setattr(references, "MOST_NUMBERS", 800 * 800)
    references.check_references(bare, paths, asked[:3])
    message = r"evaluation\.references: propagated-context.*\[untrained,raw,"
    with pytest.raises(ConfigError, match=message):
        references.check_references(bare, paths, asked)
    monkeypatch.setattr(references, "MOST_NUMBERS", 800 * 800 - 1)
    data._graph = bare
    message = r"references: raw, propagated would hold 800 x 800.*\[untrained\]"
    with pytest.raises(ConfigError, match=message):
        data.check_evaluation(EvaluationConfig(references=asked[:3]))
    data._graph = graph
    data.check_evaluation(EvaluationConfig(references=["raw"]))
