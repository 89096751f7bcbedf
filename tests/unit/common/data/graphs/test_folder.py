import numpy as np
import pytest

from common.data.graphs.config import GraphConfig
from common.data.graphs.module import GraphData
from common.errors import ConfigError, DataError


@pytest.fixture
def folder(tmp_path):
    generator = np.random.default_rng(0)
    (tmp_path / "nodes.csv").write_text("type,count\npaper,60\nauthor,9\n")
    rows = [f"{paper},{generator.integers(9)}" for paper in range(59)]
    (tmp_path / "paper-author.csv").write_text("\n".join(["paper,author", *rows]))
    labels = [f"{node},{'even' if node % 2 == 0 else 'odd'}" for node in range(60)]
    (tmp_path / "labels.csv").write_text("\n".join(labels))
    return tmp_path


def load(folder, **changes):
    values = {"metapaths": ["paper-author-paper"], "top_k": [5], "edge_mask": [0.1]} | changes
    data = GraphData(GraphConfig(name="folder", path=str(folder), **values), seed=0)
    data.load()
    return data


def test_reads_a_graph_and_says_who_has_no_neighbour(folder):
    data = load(folder)
    assert data.facts.feature_dims == (60, 9) and data.facts.num_classes == 2
    assert "1 without a paper-author-paper neighbour; kept" in data.describe()


def test_features_are_read(folder):
    np.savetxt(folder / "features-author.csv", np.ones((9, 4)), delimiter=",")
    assert load(folder).facts.feature_dims == (60, 4)


def test_edge_to_a_missing_node_names_file_and_row(folder):
    with (folder / "paper-author.csv").open("a") as file:
        file.write("\n3,9")
    with pytest.raises(DataError, match=r"paper-author\.csv: row 60 names author 9"):
        load(folder)


def test_words_among_the_numbers_name_the_line(folder):
    with (folder / "paper-author.csv").open("a") as file:
        file.write("\n3,x")
    with pytest.raises(DataError, match=r"paper-author\.csv, line 61: '3,x'"):
        load(folder)


@pytest.mark.parametrize(
    ("metapath", "message"),
    [
        ("paper-venue-paper", "unknown node type 'venue'"),
        ("author-paper-author", "must lead from paper"),
        ("paper-author-author-paper", "does not chain"),
    ],
)
def test_impossible_metapath(folder, metapath, message):
    with pytest.raises(DataError, match=message):
        load(folder, metapaths=[metapath])


def test_lists_must_fit_the_metapaths(folder):
    with pytest.raises(ConfigError, match="one value for each of the 1 meta-paths"):
        load(folder, top_k=[5, 5])


def test_too_few_labels(folder):
    (folder / "labels.csv").write_text("0,a\n1,b\n2,a\n")
    with pytest.raises(DataError, match="labelled nodes"):
        load(folder)


def test_path_is_needed():
    with pytest.raises(ConfigError, match=r"data\.path"):
        GraphData(GraphConfig(name="folder"), seed=0).load()
