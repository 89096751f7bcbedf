"""PyTorch Geometric's own sets go in as they are: its classes read small files of the real layout.

`tests/system/test_pyg_downloads.py` does the same with the real files, which it downloads.
"""

import json
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch_geometric.data import HeteroData
from torch_geometric.datasets import DBLP, IMDB, HGBDataset

from common.data.graphs.graph import get_labels, get_splits
from common.data.graphs.module import GraphData
from common.errors import DataError
from papers.meow.config import MEOWConfig
from tests.graph_step import read_whole, step_on

TARGETS, OTHERS, CLASSES = 48, 60, 3
SMALL = MEOWConfig(num_clusters=[2], dim=8)
PARTS = {"train": (0, 12), "val": (12, 24), "test": (24, TARGETS)}


def links_to_targets(others=OTHERS):
    """Each other node has a link to two targets; target 0 has none."""
    generator = np.random.default_rng(0)
    ends = np.arange(others).repeat(2)
    return np.stack([ends, generator.integers(1, TARGETS, len(ends))])


def write_magnn(root, counts, dense=(), bare=()):
    """Writes what DBLP and IMDB read: one matrix over all nodes, features and splits by number."""
    raw, generator = root / "raw", np.random.default_rng(0)
    raw.mkdir(parents=True)
    total, first = sum(counts), np.cumsum([0, *counts])
    matrix = sp.lil_matrix((total, total))
    ends, targets = links_to_targets()
    for place in range(2, len(counts)):  # the others are linked with each node of type 1
        matrix[first[1] + np.arange(OTHERS), first[place] + np.arange(OTHERS) % counts[place]] = 1
    matrix[first[1] + ends, targets] = 1
    sp.save_npz(raw / "adjM.npz", sp.csr_matrix(matrix + matrix.T))
    for place, count in enumerate(counts):
        x = generator.random((count, 5 + place))
        if place in dense:
            np.save(raw / f"features_{place}.npy", x)
        elif place not in bare:
            sp.save_npz(raw / f"features_{place}.npz", sp.csr_matrix(x))
    np.save(raw / "labels.npy", np.arange(TARGETS) % CLASSES)
    np.save(raw / "node_types.npy", np.arange(len(counts)).repeat(counts))
    split = {f"{name}_idx": np.arange(*ends) for name, ends in PARTS.items()}
    np.savez(raw / "train_val_test_idx.npz", **split)


def write_hgb(raw, types, label_of, featured=()):
    """Writes what HGBDataset reads but for its info.dat, of which it returns the relations.

    Types are numbered, the target is the first; each other one has weighted links to it and back.
    """
    raw.mkdir(parents=True)
    counts = dict.fromkeys(types, OTHERS) | {types[0]: TARGETS}
    first = dict(zip(types, np.cumsum([0, *counts.values()]), strict=False))
    nodes, relations = [], [(0, 0, f"{types[0]}-cite-{types[0]}")]
    links = [[node, node + 1, 0, 1.0] for node in range(TARGETS - 1)]
    for number, name in enumerate(types):
        for node in range(counts[name]):
            x = [f"0.5,{node % 7},1"] if name in featured else []
            nodes.append([first[name] + node, f"{name} {node}", number, *x])
    for number, name in enumerate(types[1:], 1):
        relations += [(0, number, f"{types[0]}-{name}"), (number, 0, f"{name}-{types[0]}")]
        for other, target in links_to_targets().T:
            ends = [target, first[name] + other]
            links.append([*ends, len(relations) - 2, 2.5])
            links.append([*ends[::-1], len(relations) - 1, 2.5])
    labels = [[node, "", 0, label_of(node)] for node in range(40)]  # 8 are without a label
    tables = {"node.dat": nodes, "link.dat": links}
    tables |= {"label.dat": labels[:24], "label.dat.test": labels[24:]}
    for name, rows in tables.items():
        (raw / name).write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    return relations


def write_info(raw, types, relations):
    about = {
        "node.dat": {"node type": dict(enumerate(types))},
        "link.dat": {
            "link type": {
                key: dict(zip(("start", "end", "meaning"), each, strict=True))
                for key, each in enumerate(relations)
            }
        },
        "label.dat": {"node type": {"0": {str(label): "" for label in range(CLASSES)}}},
    }
    (raw / "info.dat").write_text(json.dumps(about))


def write_freebase_info(raw, types, relations):
    lines = ["TYPE\tMEANING", *(f"{key}\t\t{name}" for key, name in enumerate(types)), ""]
    lines += ["LINK\tSTART\tEND\tMEANING"]
    lines += ["\t".join(map(str, (key, *each))) for key, each in enumerate(relations)]
    (raw / "info.dat").write_text("\n".join([*lines, "", "end"]))


def dblp(root):
    write_magnn(root, (TARGETS, OTHERS, 6, 4), dense=(2,), bare=(3,))
    return DBLP(str(root))[0], "author-paper-author"


def imdb(root):
    write_magnn(root, (TARGETS, OTHERS, 6))
    return IMDB(str(root))[0], "movie-director-movie"


def hgb_acm(root):
    types, raw = ["paper", "author", "subject", "term"], root / "acm" / "raw" / "ACM"
    relations = write_hgb(raw, types, lambda node: node % CLASSES, featured=types[:3])
    write_info(raw, types, relations)
    return HGBDataset(str(root), "ACM")[0], "paper-author-paper"


def hgb_freebase(root):
    types, raw = ["BOOK", "FILM", "LOCATION"], root / "freebase" / "raw" / "Freebase"
    relations = write_hgb(raw, types, lambda node: node % CLASSES)
    # Its meanings have three words: BOOK-to-FILM.
    spelled = [(a, b, "-to-".join(text.split("-")[::2])) for a, b, text in relations[:1]]
    spelled += [(a, b, text.replace("-", "-to-")) for a, b, text in relations[1:]]
    write_freebase_info(raw, types, spelled)
    return HGBDataset(str(root), "Freebase")[0], "book-film-book"


def hgb_imdb(root):
    types, raw = ["movie", "director"], root / "imdb" / "raw" / "IMDB"
    relations = write_hgb(raw, types, lambda node: f"{node % CLASSES},2", featured=types)
    write_info(raw, types, relations)
    return HGBDataset(str(root), "IMDB")[0], "movie-director-movie"


def aminer():
    """What AMiner's `process` makes; it reads its files with pandas, which is not installed."""
    data, (papers, authors) = HeteroData(), links_to_targets()
    data["author"].y = torch.arange(30) % CLASSES
    data["author"].y_index = torch.arange(10, 40)
    data["venue"].y = torch.arange(2)
    data["venue"].y_index = torch.tensor([3, 1])
    data["paper"].num_nodes, data["author"].num_nodes = OTHERS, TARGETS
    by = torch.from_numpy(np.stack([papers, authors]))
    data["paper", "written_by", "author"].edge_index = by
    data["author", "writes", "paper"].edge_index = by.flip([0])
    where = torch.stack([torch.arange(OTHERS), torch.arange(OTHERS) % 4])
    data["venue"].num_nodes = 4
    data["paper", "published_in", "venue"].edge_index = where
    data["venue", "publishes", "paper"].edge_index = where.flip([0])
    return data


@pytest.mark.parametrize("batch_size", [None, 16])
@pytest.mark.parametrize("make", [dblp, imdb, hgb_acm, hgb_freebase])
def test_a_set_is_read_as_it_is_and_trains(make, batch_size, tmp_path):
    given, metapath = make(tmp_path)
    data = read_whole(given, metapath, batch_size=batch_size)
    own = given[metapath.partition("-")[0]]
    ((train, val, test),) = get_splits(data.graph).values()
    assert np.array_equal(get_labels(data.graph), own.y.numpy())
    assert test.tolist() == own.test_mask.nonzero().ravel().tolist()
    parts = [train] if "val_mask" in own else [train, val]
    together = np.sort(np.concatenate(parts))
    assert together.tolist() == own.train_mask.nonzero().ravel().tolist()
    loss, moved = step_on(data, SMALL)
    assert np.isfinite(loss) and moved.abs().max() > 0


@pytest.mark.parametrize(
    ("make", "widths", "split"),
    [
        (dblp, {"author": 5, "paper": 6, "term": 7, "conference": None}, (12, 12, 24)),
        (imdb, {"movie": 5, "director": 6, "actor": 7}, (12, 12, 24)),
        (hgb_acm, {"paper": 3, "author": 3, "subject": 3, "term": None}, (21, 3, 16)),
        (hgb_freebase, {"book": None, "film": None, "location": None}, (21, 3, 16)),
    ],
)
def test_its_file_holds_the_same_types_features_and_split(make, widths, split, tmp_path):
    given, metapath = make(tmp_path)
    torch.save(given, tmp_path / "graph.pt")
    passed = read_whole(given, metapath)
    roots = [path.parent for path in tmp_path.rglob("processed")]  # of a set of PyG's own
    for path in [*roots, tmp_path / "graph.pt"]:
        data = GraphData(replace(passed.config, path=str(path)), seed=0)
        data.load()
        assert data.fingerprint == passed.fingerprint
    stores = {name: data.graph[name] for name in data.graph.node_types}
    assert {name: x.x.shape[1] if "x" in x else None for name, x in stores.items()} == widths
    assert [tuple(map(len, parts)) for parts in get_splits(data.graph).values()] == [split]


@pytest.mark.parametrize("batch_size", [None, 16])
def test_aminer_trains_on_authors_of_whom_some_have_labels(batch_size):
    chosen = {"target": "author", "labels_per_class": [4], "batch_size": batch_size}
    data = read_whole(aminer(), "author-paper-author", **chosen)
    assert np.flatnonzero(get_labels(data.graph) >= 0).tolist() == list(range(10, 40))
    assert data.facts.feature_dims == (TARGETS, 4, OTHERS)
    loss, moved = step_on(data, SMALL)
    assert np.isfinite(loss) and moved.abs().max() > 0


def test_several_classes_a_node_are_refused_by_name(tmp_path):
    given, metapath = hgb_imdb(tmp_path)
    assert given["movie"].y.shape == (TARGETS, CLASSES)
    with pytest.raises(DataError, match=r"movie.y.*48.*3"):
        read_whole(given, metapath)
