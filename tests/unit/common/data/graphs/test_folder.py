import numpy as np
import pytest
import torch

from common.data.graphs.config import GraphConfig
from common.data.graphs.graph import join_links
from common.data.graphs.module import GraphData
from common.data.graphs.own import recognise
from common.data.graphs.readers.folder import read_labels
from common.errors import ConfigError, DataError
from common.evaluation.config import EvaluationConfig, evaluation_schema
from common.registry import PROTOCOLS


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
    assert "no features, so one-hot rows: paper, author" in data.describe()


def test_features_are_read(folder):
    np.savetxt(folder / "features-author.csv", np.ones((9, 4)), delimiter=",")
    data = load(folder)
    assert data.facts.feature_dims == (60, 4)
    assert "one-hot rows: paper;" in data.describe()


def test_a_header_or_a_byte_order_mark_changes_nothing(folder):
    rows = "\n".join(["1,2"] * 8 + ["3,4"])
    (folder / "features-author.csv").write_text(rows)
    plain = load(folder)
    (folder / "features-author.csv").write_text("\ufeffx1,x2\n" + rows)
    for name in ("nodes.csv", "labels.csv"):
        (folder / name).write_text("\ufeff" + (folder / name).read_text())
    assert load(folder).fingerprint == plain.fingerprint


@pytest.mark.parametrize("name", ["node", "ID"])
def test_features_with_the_numbers_of_nodes_are_put_in_their_order(folder, name):
    path = folder / "features-author.csv"
    path.write_text("\n".join(["a,b", *(f"{node}.5,{node * node}" for node in range(9))]))
    plain = load(folder)
    rows = [f"{node},{node}.5,{node * node}" for node in (3, 1, 0, 2, 8, 7, 6, 5, 4)]
    path.write_text("\n".join([f"{name},a,b", *rows]))
    assert load(folder).fingerprint == plain.fingerprint
    for broken, said in ((rows[0], "node 3 has a line already"), ("9,1,1", 'there is no node "9"')):
        path.write_text("\n".join([f"{name},a,b", *rows[:-1], broken]))
        with pytest.raises(DataError, match=rf"features-author\.csv, line 10: {said}"):
            load(folder)


def test_a_negative_class_is_unknown(folder):
    path = folder / "labels.csv"
    with path.open("w") as file:
        file.writelines(f"{node},{node % 3 - 1}\n" for node in range(60))
    assert load(folder, labels_per_class=[9]).facts.num_classes == 2
    assert recognise(folder, "folder").labels == {"paper": [20, 20]}


@pytest.mark.parametrize(("link", "said"), [("3,9", "row 60.*9"), ("3,x", 'line 61.*"3".*"x"')])
def test_a_link_to_a_missing_node_or_to_a_word_names_its_place(folder, link, said):
    with (folder / "paper-author.csv").open("a") as file:
        file.write(f"\n{link}")
    with pytest.raises(DataError, match=rf"paper-author\.csv.*{said}"):
        load(folder)


@pytest.mark.parametrize(
    ("metapath", "message"),
    [
        ("paper-venue-paper", "'venue'"),
        ("author-paper-author", "must lead from paper"),
        ("paper-author-author-paper", "does not chain"),
        ("paper-author-paper-paper", "paper-author-paper-author"),
    ],
)
def test_impossible_metapath(folder, metapath, message):
    with pytest.raises(DataError, match=message):
        load(folder, metapaths=[metapath])


def test_links_within_a_type_and_two_files_of_one_relation_have_no_direction(folder):
    (folder / "paper-paper.csv").write_text("0,1\n0,2\n1,1")
    one = join_links(load(folder).graph)
    assert one["paper", "paper"][:3, :3].toarray().tolist() == [[0, 1, 1], [1, 1, 0], [1, 0, 0]]
    (folder / "author-paper.csv").write_text("8,59\n")
    both = join_links(load(folder).graph)
    assert set(both) == {("author", "paper"), ("paper", "paper")}
    assert (both["author", "paper"].T - one["paper", "author"]).nnz == 1


def test_meta_paths_that_are_not_named_are_those_of_two_steps(folder):
    (folder / "paper-paper.csv").write_text("0,1\n0,2\n1,1")
    data = load(folder, metapaths=[])
    found = ["paper-author-paper", "paper-paper-paper"]
    assert data.graph.metapaths == found and len(data.batch.adjacency) == 2
    # One value of data.top_k is that of both.
    named = load(folder, metapaths=found, top_k=[5, 5], edge_mask=[0.1, 0.1])
    assert data.fingerprint == named.fingerprint
    pairs = zip(data.batch.masked_adjacency, named.batch.masked_adjacency, strict=True)
    assert all(torch.equal(a.forward.to_dense(), b.forward.to_dense()) for a, b in pairs)


def test_a_target_without_links_has_no_meta_path(folder):
    (folder / "paper-author.csv").rename(folder / "author-author.csv")
    (folder / "author-author.csv").write_text("0,1\n")
    with pytest.raises(DataError, match=r"data\.metapaths.*paper"):
        load(folder, metapaths=[])


def test_without_labels_it_trains_and_is_not_measured(folder):
    (folder / "labels.csv").unlink()
    data = load(folder)
    assert data.facts.num_classes == 0 and data.references("test")["raw"].splits == {}
    data.check_evaluation(EvaluationConfig(protocols=[]))
    node_probe = evaluation_schema(("node-probe", PROTOCOLS["node-probe"]))
    with pytest.raises(DataError, match="no paper has a label"):
        data.check_evaluation(node_probe(protocols=["node-probe"]))


def test_lists_must_fit_the_metapaths(folder):
    with pytest.raises(ConfigError, match="1 meta-paths"):
        load(folder, top_k=[5, 5])


def test_too_few_labels_names_the_class_as_the_file_does(folder):
    (folder / "labels.csv").write_text("0,comedy\n1,drama\n2,comedy\n")
    message = r"labels\.csv: class comedy has 2 .* 22 .*labels_per_class"
    with pytest.raises(DataError, match=message):
        load(folder)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("nodes.csv", "paper,6o\nauthor,9\n", "nodes.csv.*line 1.*6o"),
        ("nodes.csv", "paper,0\nauthor,9\n", "nodes.csv.*line 1.*0"),
        ("nodes.csv", "paper,60\nauthor,9\npaper,7\n", "nodes.csv.*line 3.*line"),
        ("paper-author.csv", "0,0,3\n", "paper-author.csv.*line 1.*3.*paper,author"),
        ("paper-author.csv", "author,paper\n0,0\n", "paper-author.csv.*line 1.*paper,author"),
        ("paper-venue.csv", "0,0\n", "paper-venue.csv.*'venue'.*nodes.csv"),
        ("labels.csv", "0,a\n1,b\n0,b\n", "labels.csv.*line 3.*0"),
        ("labels.csv", "60,a\n", "labels.csv.*line 1.*60"),
        ("labels.csv", "0,a\n1,a\n", "labels.csv.*1"),
        ("features-author.csv", "1,2\n" * 3 + "1,x\n" * 6, "author.csv.*line 4.*2"),
        ("features-author.csv", "1,2\n" * 8 + "1\n", "author.csv.*line 9.*2"),
        ("features-author.csv", "1,2\n" * 8 + "1,nan\n", "author.csv.*row 9"),
        ("features-author.csv", "1,2\n" * 8, "author.csv.*8 rows.*9"),
        # A slip in the first line would else be taken for a header.
        ("features-author.csv", "1,z\n" + "1,2\n" * 8, "8 rows.*9"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(folder, name, text, message):
    (folder / name).write_text(text)
    with pytest.raises(DataError, match=message):
        load(folder)


def test_a_file_that_is_no_text_is_named(folder):
    (folder / "labels.csv").write_bytes(b"0,a\n1,\xff\n")
    with pytest.raises(DataError, match=r"labels\.csv.*CSV"):
        load(folder)


def test_path_is_needed():
    with pytest.raises(ConfigError, match=r"data\.path"):
        GraphData(GraphConfig(name="folder"), seed=0).load()


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"data\.path"):
        load(tmp_path / "gone")


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("nodes.csv", "author,9", "author,8"),
        ("paper-author.csv", "\n58,", "\n59,"),
        ("labels.csv", "58,even", "58,odd"),
        ("features-author.csv", "8.25", "8.26"),
    ],
)
def test_one_changed_word_of_a_file_changes_the_fingerprint(folder, name, before, after):
    rows = [f"{author}.25" for author in range(9)]
    (folder / "features-author.csv").write_text("\n".join(rows))
    if name == "nodes.csv":  # room for the last author to go
        (folder / "features-author.csv").unlink()
        rows = (f"{paper},{paper % 8}" for paper in range(59))
        (folder / "paper-author.csv").write_text("\n".join(rows))
    first, path = load(folder).fingerprint, folder / name
    assert path.read_text().count(before) == 1
    path.write_text(path.read_text().replace(before, after))
    assert load(folder).fingerprint != first


def test_a_path_without_the_name_of_a_set_that_reads_it_is_refused():
    with pytest.raises(ConfigError, match=r"data\.path.*papers-authors.*data\.name=folder"):
        GraphConfig(path="graph")
    assert GraphConfig(name="hetero-data", path="graph.pt").path == "graph.pt"


def test_a_line_without_a_class_leaves_its_node_without_one(folder):
    labels = folder / "labels.csv"
    labels.write_text("\n".join(f"{node},{('', 'even', 'odd')[node % 3]}" for node in range(60)))
    found, names = read_labels(labels, 60)
    assert names == ["even", "odd"]
    assert found.tolist() == [node % 3 - 1 for node in range(60)]
