from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from common.data.graphs.config import GraphConfig
from common.data.graphs.graph import node_counts
from common.data.graphs.module import GraphData
from common.data.graphs.readers.own import read_own
from common.errors import DataError
from papers.meow.config import MEOWConfig
from papers.meow.module import MEOW

PAPERS, AUTHORS, SUBJECTS = 60, 9, 3


def write_folder(folder, papers=PAPERS, width=5, seed=0):
    folder.mkdir()
    generator = np.random.default_rng(seed)
    (folder / "nodes.csv").write_text(f"paper,{papers}\nauthor,{AUTHORS}\nsubject,{SUBJECTS}\n")
    for name, count in (("author", AUTHORS), ("subject", SUBJECTS)):
        rows = [f"{paper},{generator.integers(count)}" for paper in range(papers)]
        (folder / f"paper-{name}.csv").write_text("\n".join(rows))
    values = generator.random((papers, width))
    np.savetxt(folder / "features-paper.csv", values, delimiter=",")
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = write_folder(tmp_path_factory.mktemp("run") / "graph")
    (folder / "labels.csv").write_text("\n".join(f"{node},{node % 2}" for node in range(PAPERS)))
    config = GraphConfig(
        name="folder",
        path=str(folder),
        metapaths=["paper-author-paper", "paper-subject-paper"],
        top_k=[5, 30],
    )
    found = GraphData(config, seed=0)
    found.load()
    return found


@pytest.fixture(scope="module")
def module(data):
    torch.manual_seed(0)
    return MEOW(MEOWConfig(num_clusters=[4], dim=8), None, data.facts)


def packed_arrays(papers=12, width=5, seed=3):
    generator = np.random.default_rng(seed)
    arrays = {}
    for letter, count, columns in (("p", papers, width), ("a", AUTHORS, AUTHORS)):
        matrix = sp.csr_matrix(generator.random((count, columns)))
        for part in ("data", "indices", "indptr", "shape"):
            arrays[f"{letter}_feat_{part}"] = np.asarray(getattr(matrix, part))
    for pair, count in (("pa", AUTHORS), ("ps", SUBJECTS)):
        ends = generator.integers(count, size=papers)
        arrays[pair] = np.stack([np.arange(papers), ends], 1)
    return arrays


def test_the_run_s_own_graph_gives_its_embedding(data, module):
    module.train()
    arrays = data.embed_path(module, Path(data.config.path))
    assert module.training
    assert torch.equal(
        torch.from_numpy(arrays["embeddings"]), data.evaluation_inputs(module, "test").z
    )


def test_other_graphs_need_no_labels_and_may_have_other_sizes(tmp_path, data, module):
    folder = write_folder(tmp_path / "mine", papers=17, seed=1)
    z = data.embed_path(module, folder)["embeddings"]
    assert z.shape == (17, 8) and np.isfinite(z).all()
    # The order of the other types is the run's.
    (folder / "nodes.csv").write_text("paper,17\nsubject,3\nauthor,9\n")
    assert np.array_equal(data.embed_path(module, folder)["embeddings"], z)
    own, _ = read_own(folder, data.graph, data.metapaths(data.graph))
    assert list(node_counts(own)) == ["paper", "author", "subject"]


def test_nodes_have_their_numbers_and_classes_where_they_are_known(tmp_path, data, module):
    folder = write_folder(tmp_path / "mine", papers=4, seed=1)
    assert data.embed_path(module, folder).keys() == {"embeddings", "ids"}
    (folder / "labels.csv").write_text("node,class\n2,theory\n0,vision\n")
    found = data.embed_path(module, folder)
    assert found["ids"].tolist() == [0, 1, 2, 3]
    assert found["labels"].tolist() == ["vision", "", "theory", ""]
    (folder / "labels.csv").write_text("2,theory\n")  # one class is no fault of what is embedded
    assert data.embed_path(module, folder)["labels"].tolist() == ["", "", "theory", ""]


def test_packed_layout(tmp_path, data, module):
    np.savez(tmp_path / "mine.npz", **packed_arrays())
    z = data.embed_path(module, tmp_path / "mine.npz")["embeddings"]
    assert z.shape == (12, 8) and np.isfinite(z).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"p_feat_data": None},
            r"not a packed graph of paper, author, subject \(no array 'p_feat_data'",
        ),
        ({"pa": np.array([[0, 9]])}, r"pa: row 1 names author 9"),
        ({"p_feat_indices": np.full(60, 7)}, r"not a packed graph"),
        ({"p_feat_data": np.full(60, np.nan)}, r"features of paper hold NaN"),
        (packed_arrays(width=6), r"features of paper are 12 x 6; needed are 12 x 5"),
        ({"ps": np.array([{}], dtype=object)}, r"ps: it holds objects"),
    ],
)
def test_broken_packed_files(tmp_path, data, module, change, message):
    arrays = {k: v for k, v in (packed_arrays() | change).items() if v is not None}
    np.savez(tmp_path / "mine.npz", **arrays)
    with pytest.raises(DataError, match=rf"mine.npz: .*{message}"):
        data.embed_path(module, tmp_path / "mine.npz")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("nodes.csv", "paper,60\nauthor,9\n", r"'subject' is no node type"),
        ("nodes.csv", "author,9\npaper,60\nsubject,3\n", r"the target type is author"),
        ("nodes.csv", "paper,60\nauthor,9\nsubject,3\nvenue,1\n", r"the run knows paper, author"),
        ("nodes.csv", "paper,60\nauthor,10\nsubject,3\n", r"10 nodes of type author"),
        ("features-paper.csv", "1,2,3,4\n" * 60, r"features of paper are 60 x 4; .* 60 x 5"),
        ("features-paper.csv", None, r"no features of paper; the run needs 5"),
        ("paper-author.csv", None, r"no links between paper and author"),
        ("paper-author.csv", "3,9\n", r"paper-author.csv: row 1 names author 9"),
        ("nodes.csv", None, r"nodes.csv: no such file"),
    ],
)
def test_other_forms_are_refused(tmp_path, data, module, name, text, message):
    folder = write_folder(tmp_path / "mine")
    (folder / name).unlink()
    if text is not None:
        (folder / name).write_text(text)
    with pytest.raises(DataError, match=rf"mine.*{message}"):
        data.embed_path(module, folder)


def test_neither_folder_nor_npz(tmp_path, data, module):
    with pytest.raises(DataError, match=r"nodes.csv"):
        data.embed_path(module, tmp_path / "gone")
    (tmp_path / "mine.npz").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(DataError, match=r"mine.npz"):
        data.embed_path(module, tmp_path / "mine.npz")


def test_the_backbone_is_the_encoder_under_its_own_keys(module):
    keys = {f"encoder.{key}" for key in module.backbone.state_dict()}
    assert keys == {key for key in module.state_dict() if key.startswith("encoder.")}
