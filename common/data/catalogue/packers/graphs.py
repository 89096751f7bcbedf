"""Heterogeneous graphs: link lists, sparse features, labels and splits to one npz."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from common.data.catalogue.packers.arrays import BROKEN, Array, npz_bytes, read_array, read_content
from common.errors import DataError

LABELS_PER_CLASS = (20, 40, 60)
# A mask denser than this is smaller as bits than as indices.
BIT_PACK_DENSITY = 1 / 8


def pack_graph(originals: Path, targets: list[str]) -> dict[str, bytes]:
    """Packs a folder in the layout of the MEOW and HeCo repositories.

    Reads ``labels.npy``, every ``??.txt`` (link lists, named after the two node types), every
    ``?_feat.npz``, the splits and, where it is there, ``pos.npz``.

    Raises:
        DataError: If a file is missing or broken, or a link list is no table of node numbers.
    """
    labels = read_array(originals / "labels.npy").astype(np.int8)
    arrays: dict[str, Array] = {"labels": labels}
    for path in sorted(originals.glob("??.txt")):
        arrays[path.stem] = read_links(path)
    features = {path.stem: _read_features(path) for path in sorted(originals.glob("?_feat.npz"))}
    # The type that is classified comes first.
    for name in sorted(features, key=lambda name: features[name].shape[0] != len(labels)):
        arrays |= _features_as_arrays(name, features[name])
    splits = _read_splits(originals)
    has_mask = (originals / "pos.npz").exists()
    mask = _mask_as_arrays(_read_sparse(originals / "pos.npz").tocsr()) if has_mask else {}
    # Bits stand last, indices before the splits: the order of the published files.
    arrays |= splits | mask if "pos_packed" in mask else mask | splits
    return {targets[0]: npz_bytes(arrays)}


def _read_splits(originals: Path) -> dict[str, Array]:
    keys = [f"{split}_{count}" for split in ("train", "val", "test") for count in LABELS_PER_CLASS]
    return {key: read_array(originals / f"{key}.npy").astype(np.int32) for key in keys}


def read_links(path: Path) -> npt.NDArray[np.int32]:
    """Reads a link list, two node numbers a line with a blank or a tab between: (links, 2).

    Raises:
        DataError: With the line's number, if it holds anything else.
    """
    links = []
    for number, line in enumerate(read_content(path).decode().splitlines(), start=1):
        words = line.split()
        if len(words) != 2 or not all(word.isdecimal() for word in words):
            raise DataError(f"{path}, line {number}: not two node numbers: {line[:40]!r}")
        links.append((int(words[0]), int(words[1])))
    return np.asarray(links, dtype=np.int32).reshape(-1, 2)


def _read_sparse(path: Path) -> sp.spmatrix:
    try:
        return sp.load_npz(path)
    except BROKEN as error:
        raise DataError(f"{path}: not a scipy sparse matrix: {error}") from None


def _read_features(path: Path) -> Array | sp.csr_matrix:
    """Reads a feature matrix; one original is a plain array under the name of a sparse one."""
    if not path.read_bytes().startswith(b"PK"):
        return np.asarray(read_array(path), dtype=np.float32)
    matrix = sp.csr_matrix(_read_sparse(path))
    is_count = np.issubdtype(matrix.dtype, np.integer) and abs(matrix.data).max(initial=0) < 128
    return matrix.astype(np.int8 if is_count else np.float32)


def _features_as_arrays(name: str, matrix: Array | sp.csr_matrix) -> dict[str, Array]:
    if isinstance(matrix, np.ndarray):
        return {name: matrix}
    return {
        f"{name}_indptr": matrix.indptr.astype(np.int32),
        f"{name}_indices": matrix.indices.astype(np.int32),
        f"{name}_data": matrix.data,
        f"{name}_shape": np.asarray(matrix.shape, dtype=np.int32),
    }


def _mask_as_arrays(mask: sp.csr_matrix) -> dict[str, Array]:
    """Returns HeCo's positive mask as CSR parts, or as bits where it is dense."""
    rows, columns = mask.shape
    if mask.nnz <= BIT_PACK_DENSITY * rows * columns:
        return _features_as_arrays("pos", mask.astype(np.int8))
    shape = np.asarray(mask.shape, dtype=np.int32)
    return {"pos_packed": np.packbits(mask.toarray() != 0), "pos_shape": shape}
