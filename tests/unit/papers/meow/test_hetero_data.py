"""MEOW on a graph of PyTorch Geometric's, with a Trainer of Lightning's own."""

import pytest
import torch
from torch_geometric.data import HeteroData

from common.errors import ConfigError
from papers.meow.config import MEOWConfig
from papers.meow.module import MEOW, clusters_for
from tests.training import quiet_trainer

PAPERS, AUTHORS = 60, 20
SMALL = MEOWConfig(num_clusters=[3], dim=8)


def make(**attributes):
    generator = torch.Generator().manual_seed(0)
    data = HeteroData()
    data["author"].num_nodes = AUTHORS
    data["paper"].x = torch.rand(PAPERS, 5, generator=generator).requires_grad_()
    authors = torch.randint(AUTHORS, (2 * PAPERS,), generator=generator)
    papers = torch.arange(PAPERS).repeat(2)
    data["author", "writes", "paper"].edge_index = torch.stack([authors, papers])
    data["paper", "cites", "paper"].edge_index = torch.randint(PAPERS, (2, 90), generator=generator)
    data["paper"].update(attributes)
    return data


@pytest.mark.parametrize("batch_size", [None, 20])
def test_trains_without_labels_and_embeds_in_node_order(batch_size):
    paths = ["paper-author-paper"]
    model = MEOW.from_hetero_data(make(), "paper", paths, method=SMALL, batch_size=batch_size)
    before = model.embed()
    quiet_trainer(max_epochs=3).fit(model)
    z = model.embed()
    assert z.shape == (PAPERS, 8) and not z.requires_grad
    assert not torch.equal(z, before) and torch.equal(z, model.embed()) and model.training
    steps = 1 if batch_size is None else PAPERS // batch_size
    assert model.batches_seen == 3 * steps
    # Row i is node i: other numbers for the same nodes give the same rows in other places.
    order = torch.randperm(PAPERS, generator=torch.Generator().manual_seed(1))
    moved, place = make(), torch.argsort(order)
    moved["paper"].x = moved["paper"].x[order]
    edges = moved["author", "writes", "paper"].edge_index
    edges[1] = place[edges[1]]
    cites = moved["paper", "cites", "paper"].edge_index
    moved["paper", "cites", "paper"].edge_index = place[cites]
    settings = {"feature_mask": 0.0, "edge_mask": [0.0], "method": SMALL}
    given, other = (MEOW.from_hetero_data(x, "paper", paths, **settings) for x in (make(), moved))
    torch.testing.assert_close(other.embed(), given.embed()[order])


def test_meta_paths_are_found_and_the_seed_decides_the_weights():
    first, again = (MEOW.from_hetero_data(make(), "paper", method=SMALL) for _ in range(2))
    assert first.graph.graph.metapaths == ["paper-author-paper", "paper-paper-paper"]
    assert torch.equal(first.embed(), again.embed())
    other = MEOW.from_hetero_data(make(), "paper", method=SMALL, seed=1)
    assert not torch.equal(first.embed(), other.embed())


def test_labels_name_the_target_and_make_the_splits():
    data = make(y=torch.arange(PAPERS) % 2)
    model = MEOW.from_hetero_data(data, labels_per_class=[5])
    inputs = model.graph.evaluation_inputs(model, "test")
    assert torch.equal(inputs.labels, data["paper"].y) and list(inputs.splits) == [5]
    assert model.method.num_clusters == clusters_for(PAPERS) == [2, 4]
    assert clusters_for(4019) == clusters_for(10**6) == [100, 300]


def test_a_data_module_goes_before_the_module_s_own_graph():
    model = MEOW.from_hetero_data(make(), "paper", ["paper-author-paper"], method=SMALL)
    paths = ["paper-author-paper"]
    given = MEOW.from_hetero_data(make(), "paper", paths, method=SMALL, batch_size=30).graph
    quiet_trainer(max_epochs=1).fit(model, datamodule=given)
    assert model.batches_seen == 2


def test_without_a_graph_it_says_where_one_comes_from():
    with pytest.raises(ConfigError, match="from_hetero_data"):
        MEOW().embed()
    with pytest.raises(ConfigError, match="from_hetero_data"):
        quiet_trainer(max_epochs=1).fit(MEOW())


def test_a_target_needs_a_name_where_no_type_has_labels():
    with pytest.raises(ConfigError, match=r"data\.target"):
        MEOW.from_hetero_data(make())
