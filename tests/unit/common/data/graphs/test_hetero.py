import warnings

import numpy as np
import pytest
import torch
from torch_geometric.data import HeteroData

from common.data.graphs.config import GraphConfig
from common.data.graphs.graph import get_features, get_labels, get_splits, join_links, node_counts
from common.data.graphs.metapath_graphs import halves
from common.data.graphs.module import GraphData
from common.data.graphs.prepare import prepare_graph
from common.data.graphs.readers.hetero import read_hetero_data
from common.errors import ConfigError, DataError
from papers.meow.config import MEOWConfig
from papers.meow.module import MEOW

AUTHORS, PAPERS, VENUES = 60, 90, 4
PATHS = ["author-paper-author", "author-paper-venue-paper-author"]


def make(reverse=True):
    """Authors with labels, papers with features, venues with neither, as PyG's DBLP has them."""
    generator = torch.Generator().manual_seed(0)
    data = HeteroData()
    data["author"].x = torch.rand(AUTHORS, 5, generator=generator)
    data["author"].y = torch.arange(AUTHORS) % 2 + 1
    data["paper"].x = torch.rand(PAPERS, 3, generator=generator).to_sparse()
    data["venue"].num_nodes = VENUES
    # Author 0 wrote nothing.
    authors = torch.randint(1, AUTHORS, (PAPERS,), generator=generator)
    papers = torch.arange(PAPERS)
    data["paper", "by", "author"].edge_index = torch.stack([papers, authors])
    data["paper", "in", "venue"].edge_index = torch.stack([papers, papers % VENUES])
    if reverse:
        data["author", "wrote", "paper"].edge_index = torch.stack([authors, papers])
    return data


def config(**changes):
    values = {"name": "hetero-data", "metapaths": PATHS, "top_k": [5, 5], "labels_per_class": [8]}
    return GraphConfig(**values | {"edge_mask": [0.1, 0.1]} | changes)


def read(data, settings=None):
    return read_hetero_data(settings or config(), 0, data)


def load(data, settings=None):
    found = GraphData(settings or config(), 0, read=lambda settings, _: read(data, settings))
    found.load()
    return found


def saved(data, folder):
    torch.save(data.to_dict(), folder / "graph.pt")
    return str(folder / "graph.pt")


def test_a_saved_dict_trains_and_embeds(tmp_path):
    path = saved(make(), tmp_path)
    data = GraphData(config(path=path), seed=0)
    assert list(node_counts(data.graph)) == ["author", "paper", "venue"]
    assert np.bincount(get_labels(data.graph)).tolist() == [30, 30]
    assert [len(part) for part in get_splits(data.graph)[8]] == [16, 22, 22]
    assert data.facts.feature_dims == (5, 3, VENUES)
    assert "without a author-paper-author neighbour" in data.describe()
    module = MEOW(MEOWConfig(num_clusters=[4], dim=8), None, data.facts)
    module.log = lambda *args, **kwargs: None
    loss = module.training_step(data.batch, 0)
    loss.backward()
    assert torch.isfinite(loss)
    z = data.evaluation_inputs(module, "test").z
    assert z.shape == (AUTHORS, 8)
    embedded = data.embed_path(module, tmp_path / "graph.pt")
    assert np.array_equal(embedded["embeddings"], z.numpy())
    assert np.array_equal(embedded["labels"], make()["author"].y.numpy())
    assert embedded["ids"].tolist() == list(range(AUTHORS))


def test_an_object_in_python_is_the_same_graph(tmp_path):
    from_file = GraphData(config(path=saved(make(), tmp_path)), seed=0)
    from_file.load()
    lists = {"top_k": [5], "edge_mask": [0.1], "labels_per_class": [8]}
    given = make()
    passed = GraphData.from_hetero_data(given, metapaths=PATHS, **lists)
    assert passed.fingerprint == from_file.fingerprint
    assert given.to_dict().keys() == make().to_dict().keys(), "what is given stays as it is"


def test_relations_between_two_types_are_joined_without_direction():
    both, one = join_links(read(make())), join_links(read(make(False)))
    assert set(both) == {("paper", "author"), ("paper", "venue")}
    assert (both["paper", "author"] != one["paper", "author"]).nnz == 0


def test_a_relation_within_a_type_is_without_direction_too(recwarn):
    data = make()
    # A ring: read with direction, no author has a path back to itself.
    authors = torch.arange(AUTHORS)
    data["author", "knows", "author"].edge_index = torch.stack([authors, authors.roll(1)])
    settings = config(metapaths=["author-author-author"], top_k=[3], edge_mask=[0.0])
    loaded = load(data, settings)
    links = join_links(loaded.graph)
    knows = links["author", "author"]
    assert (knows != knows.T).nnz == 0 and knows.sum() == 2 * AUTHORS
    left, right = halves(links, ["author"] * 3)
    counts = left @ right
    assert counts[5, [3, 5, 7]].toarray().tolist() == [[1, 2, 1]]
    # A node, and its neighbours' neighbours, each with half its similarity.
    kept = prepare_graph(loaded.graph, settings.metapaths, settings, 0).adjacency[0]
    assert kept.getnnz(axis=1).tolist() == [3] * AUTHORS
    assert not [w for w in recwarn if w.category is RuntimeWarning]


def test_masks_are_the_split_and_indexed_labels_leave_the_rest_unknown():
    data = make()
    data["author"].num_nodes = AUTHORS
    data["author"].y_index = torch.arange(10, 40)
    data["author"].y = torch.arange(30) % 2
    for name, begin in (("train_mask", 10), ("val_mask", 20), ("test_mask", 30)):
        data["author"][name] = nodes(begin, begin + 10)
    graph = read(data)
    labels, splits = get_labels(graph), get_splits(graph)
    assert (labels >= 0).sum() == 30 and labels[0] == -1
    assert list(splits) == [5]
    assert [part.min() for part in splits[5]] == [10, 20, 30]


def nodes(begin, end):
    return (torch.arange(AUTHORS) >= begin) & (torch.arange(AUTHORS) < end)


def test_two_masks_as_hgb_has_them_keep_the_test_and_cut_validation_from_train():
    data = make()
    data["author"].train_mask, data["author"].test_mask = nodes(0, 30), nodes(30, AUTHORS)
    loaded = load(data)
    train, val, test = get_splits(loaded.graph)[12]
    assert test.tolist() == list(range(30, AUTHORS))
    assert sorted([*train, *val]) == list(range(30))
    assert np.bincount(get_labels(loaded.graph)[val]).tolist() == [3, 3]
    again = get_splits(read(data))[12]
    assert all(np.array_equal(a, b) for a, b in zip(again, (train, val, test), strict=True))
    assert "no val_mask: 6 of 30 training nodes validate" in loaded.describe()


def test_masks_that_are_no_split_are_not_dropped_in_silence():
    data = make()
    data["author"].train_mask = nodes(0, 30)
    graph = read(data)
    assert list(get_splits(graph)) == [8]
    assert graph.notes == ["train_mask alone are no split: splits are drawn"]


def test_labels_on_two_types_with_an_index_and_no_features_as_in_aminer():
    data = make()
    for name, count in (("author", AUTHORS), ("venue", VENUES)):
        data[name].x, data[name].num_nodes = None, count
        data[name].y_index = torch.arange(count - count % 4)[::2]
        data[name].y = torch.arange(len(data[name].y_index)) % 2
    data["paper"].x, data["paper"].num_nodes = None, PAPERS
    with pytest.raises(ConfigError, match=r"data.target.*author, venue"):
        read(data)
    loaded = load(data, config(target="author"))
    assert loaded.facts.feature_dims == (AUTHORS, PAPERS, VENUES)
    assert (get_labels(loaded.graph) >= 0).sum() == 30
    assert "one-hot rows: author, paper, venue" in loaded.describe()


def change(**attributes):
    def apply(data):
        for name, value in attributes.items():
            node_type, _, attribute = name.partition("_")
            data[node_type][attribute] = value

    return apply


def indexed(nodes):
    return change(author_num_nodes=AUTHORS, author_y_index=nodes)


def masked(**masks):
    """Gives authors masks over nodes by name; those that are not named hold every third node."""

    def apply(data):
        for place, name in enumerate(("train_mask", "val_mask", "test_mask")):
            data["author"][name] = masks.get(name, torch.arange(AUTHORS) % 3 == place)

    return apply


def dangling(data):
    data["paper", "in", "venue"].edge_index = torch.tensor([[0], [VENUES]])


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (dangling, "paper-in-venue.*row 1.*4.*4"),
        (change(author_x=torch.full((AUTHORS, 5), torch.nan)), "author.x"),
        (change(author_x=torch.rand(AUTHORS)), "author.x.*60.*60"),
        (change(author_y=torch.rand(AUTHORS, 2).round()), "author.y.*60.*2"),
        (change(author_y=torch.ones(AUTHORS, 1)), "author.y.*60.*1"),
        (change(author_y=torch.zeros(AUTHORS, dtype=torch.int64)), r"holds 1 class"),
        (
            change(author_y=(torch.arange(AUTHORS) < 5).long()),
            r"author\.y.*1.*5.*labels_per_class",
        ),
        (
            lambda data: data["venue"].update({"num_nodes": None}),
            r"data\['venue'\].num_nodes",
        ),
        (change(author_y=torch.rand(AUTHORS)), "author.y.*60.*torch.float32"),
        (indexed(torch.arange(1, 61)), "author.y_index.*60"),
        (indexed(torch.arange(60.0)), "author.y_index.*torch.float32"),
        (indexed(torch.ones(60) > 0), "author.y_index.*torch.bool"),
        (indexed(torch.ones(60, 1).long()), "author.y_index.*60.*1"),
        (indexed(list(range(60))), "author.y_index"),
        (masked(val_mask=torch.ones(3)), "author.val_mask.*3"),
        (
            lambda data: data["paper", "in", "venue"].update({"edge_index": torch.rand(2, 3)}),
            "paper-in-venue.*edge_index.*torch.float32",
        ),
        (change(**{"co-author_x": torch.rand(3, 2)}), "'co-author'.*'-'"),
    ],
)
def test_broken_graphs_are_refused_by_name(broken, message):
    data = make()
    broken(data)
    with pytest.raises(DataError, match=message):
        read(data)


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        # The class as the data number it.
        ({"train_mask": torch.arange(AUTHORS) == 0}, "author.train_mask.*2"),
        ({"val_mask": torch.arange(AUTHORS) == 1}, "author.val_mask.*1"),
        ({"test_mask": torch.arange(AUTHORS) == 2}, "author.test_mask.*2"),
        (
            {"val_mask": None, "train_mask": torch.arange(AUTHORS) < 3},
            "train_mask.*1.*2.*val_mask.*2",
        ),
        ({"val_mask": torch.zeros(AUTHORS)}, "author.val_mask"),
        (
            {"test_mask": torch.ones(AUTHORS)},
            "author.test_mask.*train_mask.*0",
        ),
    ],
)
def test_masks_that_cannot_be_a_split(masks, message):
    data = make()
    masked(**masks)(data)
    with pytest.raises(DataError, match=message):
        load(data)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target": "journal"}, "data.target=journal.*author, paper, venue"),
        ({"path": None}, r"data.path"),
    ],
)
def test_what_the_recipe_lacks(changes, message):
    with pytest.raises(ConfigError, match=message):
        if "path" in changes:
            GraphData(config(**changes), 0).load()
        read(make(), config(**changes))


def test_unknown_types_of_a_meta_path_are_listed():
    given = config(metapaths=["author-term-author"], top_k=[5], edge_mask=[0.1])
    with pytest.raises(DataError, match="'term'"):
        load(make(), given)


def test_a_type_without_labels_is_embedded_where_it_is_named():
    loaded = load(make(), config(target="venue", metapaths=[], top_k=[5], edge_mask=[0.1]))
    assert loaded.graph.metapaths == ["venue-paper-venue"]
    assert loaded.facts.num_classes == 0 and "no labels" in loaded.describe()


def test_what_is_no_graph_is_refused():
    with pytest.raises(DataError, match="dict"):
        read({"author": 3})


def test_sparse_features_are_read_in_any_layout():
    dense = torch.rand(AUTHORS, 5).round(decimals=1) - 0.5
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support")
        layouts = dense.to_sparse(), dense.to_sparse_csr(), dense.to_sparse_csc()
    data = make()
    for features in layouts:
        data["author"].x = features
        graph = read(data)
        np.testing.assert_array_equal(get_features(graph, "author").toarray(), dense.numpy())
