"""Files that hold no saved dict of a HeteroData."""

import pytest
import torch
from torch_geometric.data import HeteroData

from common.data.graphs.readers.hetero import load_dict
from common.errors import DataError


def assert_refused(path):
    with pytest.raises(DataError, match=rf"{path}.*torch.save\(data.to_dict"):
        load_dict(path)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickled_object_is_not_executed(tmp_path, zipped):
    path = tmp_path / "graph.pt"
    torch.save(HeteroData(), path, _use_new_zipfile_serialization=zipped)
    assert_refused(path)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_saved_dict_loads_and_the_start_of_one_is_refused(tmp_path, zipped):
    path = tmp_path / "graph.pt"
    torch.save({"a": {"x": torch.ones(2)}}, path, _use_new_zipfile_serialization=zipped)
    assert load_dict(path)["a"]["x"].tolist() == [1, 1]
    path.write_bytes(path.read_bytes()[:4])
    assert_refused(path)


def test_a_folder_a_missing_file_and_a_foreign_one_are_refused(tmp_path):
    (tmp_path / "foreign.pt").write_bytes(b"type,count\npaper,9\n")
    for path in (tmp_path, tmp_path / "gone.pt", tmp_path / "foreign.pt"):
        assert_refused(path)
