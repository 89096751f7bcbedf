import io
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from common.data.catalogue.packers.graphs import pack_graph, read_links
from common.errors import DataError


def write_originals(folder: Path, dense_mask: bool = False) -> Path:
    """Writes four papers, three authors and one subject, as the MEOW repository lays them."""
    folder.mkdir(parents=True)
    np.save(folder / "labels.npy", np.array([0.0, 1.0, 2.0, 0.0]))
    (folder / "pa.txt").write_text("0\t0\n0\t2\n1\t1\n2\t1\n3\t0\n")
    (folder / "ps.txt").write_text("0 0\n1 0\n2 0\n3 0\n")
    features = sp.csr_matrix(np.array([[0, 0.25], [0.5, 0], [1 / 3, 0], [0, 0]]))
    sp.save_npz(folder / "p_feat.npz", features)
    sp.save_npz(folder / "a_feat.npz", sp.coo_matrix(np.array([[2, 0], [0, 1], [0, 0]])))
    mask = np.ones((4, 4)) if dense_mask else np.eye(4) * (np.arange(4) == 1)
    sp.save_npz(folder / "pos.npz", sp.coo_matrix(mask))
    for split in ("train", "val", "test"):
        for count in (20, 40, 60):
            np.save(folder / f"{split}_{count}.npy", np.arange(count // 20))
    return folder


def load(folder: Path) -> dict[str, np.ndarray]:
    (content,) = pack_graph(folder, ["hin/mine.npz"]).values()
    return dict(np.load(io.BytesIO(content), allow_pickle=False))


def test_a_graph_is_packed_in_the_published_layout(tmp_path: Path) -> None:
    arrays = load(write_originals(tmp_path / "in"))
    assert arrays["labels"].dtype == np.int8 and arrays["labels"].tolist() == [0, 1, 2, 0]
    assert arrays["pa"].dtype == np.int32 and arrays["pa"][1].tolist() == [0, 2]
    assert arrays["val_40"].dtype == np.int32 and arrays["val_40"].tolist() == [0, 1]
    names = list(arrays)
    assert names[:3] == ["labels", "pa", "ps"]
    assert names.index("p_feat_data") < names.index("a_feat_data") < names.index("pos_data")


def test_fractions_become_float32_and_counts_int8(tmp_path: Path) -> None:
    arrays = load(write_originals(tmp_path / "in"))
    assert arrays["p_feat_data"].dtype == np.float32
    assert arrays["p_feat_data"].tolist() == [0.25, 0.5, np.float32(1 / 3)]
    assert arrays["a_feat_data"].dtype == np.int8
    assert arrays["a_feat_shape"].tolist() == [3, 2]


def test_a_dense_mask_is_packed_as_bits(tmp_path: Path) -> None:
    arrays = load(write_originals(tmp_path / "in", dense_mask=True))
    assert "pos_data" not in arrays
    bits = np.unpackbits(arrays["pos_packed"])[:16].reshape(arrays["pos_shape"])
    assert bits.all()


def test_a_plain_array_under_the_name_of_a_sparse_one_stays_dense(tmp_path: Path) -> None:
    folder = write_originals(tmp_path / "in")
    with open(folder / "s_feat.npz", "wb") as file:
        np.save(file, np.full((1, 3), 0.5))
    assert load(folder)["s_feat"].dtype == np.float32


def test_packing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    folder = write_originals(tmp_path / "in")
    assert pack_graph(folder, ["a"]) == pack_graph(folder, ["a"])


@pytest.mark.parametrize("line", ["1", "1 2 3", "1 -2", "a b", "1.0 2"])
def test_a_bad_link_names_file_and_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "pa.txt"
    path.write_text(f"0 1\n{line}\n")
    with pytest.raises(DataError, match=r"pa\.txt.*line 2"):
        read_links(path)


@pytest.mark.parametrize("name", ["labels.npy", "p_feat.npz", "pos.npz", "val_40.npy"])
def test_a_broken_file_is_named(tmp_path: Path, name: str) -> None:
    folder = write_originals(tmp_path / "in")
    (folder / name).write_bytes((folder / name).read_bytes()[:40])
    with pytest.raises(DataError, match=name):
        pack_graph(folder, ["a"])


def test_python_objects_are_refused(tmp_path: Path) -> None:
    folder = write_originals(tmp_path / "in")
    np.save(folder / "labels.npy", np.array([{}, {}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"labels\.npy"):
        pack_graph(folder, ["a"])
