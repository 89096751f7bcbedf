"""Packing originals rebuilt from the published files gives the published files' contents."""

from pathlib import Path

import numpy as np
import scipy.sparse as sp

from common.data.catalogue.packers.arrays import pack_sequences, read_content
from common.data.catalogue.packers.graphs import pack_graph
from common.data.catalogue.sources import get_source
from common.data.catalogue.verify import content_digest
from tests.stored import stored


def rebuild_graph(arrays: dict[str, np.ndarray], folder: Path) -> None:
    """Writes the original files that `arrays` were packed from."""
    for name, array in arrays.items():
        kind, _, part = name.rpartition("_")
        if part == "indptr":
            parts = (arrays[f"{kind}_data"], arrays[f"{kind}_indices"], array)
            sp.save_npz(folder / f"{kind}.npz", sp.csr_matrix(parts, arrays[f"{kind}_shape"]))
        elif len(name) == 2:
            np.savetxt(folder / f"{name}.txt", array, fmt="%d")
        elif name == "labels" or kind in ("train", "val", "test"):
            np.save(folder / f"{name}.npy", array.astype(np.float64))
        elif name == "t_feat":
            with open(folder / "t_feat.npz", "wb") as file:
                np.save(file, array.astype(np.float64))
        elif name == "pos_packed":
            rows, columns = arrays["pos_shape"]
            mask = np.unpackbits(array)[: rows * columns].reshape(rows, columns)
            sp.save_npz(folder / "pos.npz", sp.coo_matrix(mask))


def test_a_graph_comes_back(tmp_path: Path) -> None:
    path = stored("acm")
    rebuild_graph(dict(np.load(path, allow_pickle=False)), tmp_path)
    packed = tmp_path / "packed.npz"
    packed.write_bytes(pack_graph(tmp_path, ["a"])["a"])
    assert content_digest(packed) == content_digest(path) == get_source("acm").files[0].content


def test_sequences_come_back(tmp_path: Path) -> None:
    path = stored("beauty")
    (tmp_path / "original.txt").write_bytes(read_content(path))
    packed = tmp_path / "packed.txt.gz"
    packed.write_bytes(pack_sequences(tmp_path, ["a"])["a"])
    assert content_digest(packed) == get_source("beauty").files[0].content
