"""PyTorch Geometric's sets as they are downloaded; `pytest -m network` runs it, nothing else does.

`tests/unit/common/data/graphs/test_pyg_sets.py` has small files of the same layout.
"""

import numpy as np
import pytest

from common.data.graphs.graph import get_labels, get_splits
from papers.meow.config import MEOWConfig
from tests.graph_step import read_whole, step_on

pytestmark = pytest.mark.network
# By name: what it is made with, the meta-path, target nodes and classes.
SETS = {
    "DBLP": ((), "author-paper-author", 4057, 4),
    "IMDB": ((), "movie-director-movie", 4278, 3),
    "HGBDataset": (("ACM",), "paper-author-paper", 3025, 3),
}


def check_step(data):
    loss, moved = step_on(data, MEOWConfig(dim=16))
    assert np.isfinite(loss) and moved.abs().max() > 0


@pytest.mark.parametrize("name", SETS)
def test_a_set_is_read_and_takes_a_step(name, tmp_path):
    from torch_geometric import datasets

    words, metapath, num_targets, num_classes = SETS[name]
    data = read_whole(getattr(datasets, name)(str(tmp_path), *words)[0], metapath)
    assert (data.facts.num_nodes, data.facts.num_classes) == (num_targets, num_classes)
    assert len(get_splits(data.graph)) == 1, "the set's own"
    check_step(data)


def test_aminer_is_read_and_takes_a_step_on_drawn_neighbours(tmp_path):
    """Its authors have no features: one-hot rows, five million with its papers'."""
    pytest.importorskip("pandas", reason="PyTorch Geometric reads AMiner with pandas")
    from torch_geometric.datasets import AMiner

    given = AMiner(str(tmp_path))[0]
    data = read_whole(given, "author-paper-author", target="author", batch_size=512)
    assert data.facts.num_classes == 8
    assert (get_labels(data.graph) >= 0).sum() == len(given["author"].y_index)
    check_step(data)
