"""Files that hold no saved HeteroData."""

import pytest
import torch
from torch_geometric.data import HeteroData

from common.data.graphs.readers.hetero import load_graph
from common.errors import DataError


class Runs:
    """Makes a file when it is loaded by a pickle that runs what it holds."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return type(self.path).touch, (self.path,)


def assert_refused(path):
    with pytest.raises(DataError, match=rf"{path}.*torch.save\(data"):
        load_graph(path)


@pytest.mark.parametrize("zipped", [True, False])
def test_what_a_file_would_run_is_not_run(tmp_path, zipped):
    path = tmp_path / "graph.pt"
    data = HeteroData()
    data["a"].x = Runs(tmp_path / "ran")
    torch.save(data, path, _use_new_zipfile_serialization=zipped)
    assert_refused(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_a_saved_dict_loads_and_the_start_of_one_is_refused(tmp_path, zipped):
    path = tmp_path / "graph.pt"
    torch.save({"a": {"x": torch.ones(2)}}, path, _use_new_zipfile_serialization=zipped)
    assert load_graph(path)["a"].x.tolist() == [1, 1]
    path.write_bytes(path.read_bytes()[:4])
    assert_refused(path)


def test_a_folder_a_missing_file_and_a_foreign_one_are_refused(tmp_path):
    (tmp_path / "foreign.pt").write_bytes(b"type,count\npaper,9\n")
    for path in (tmp_path, tmp_path / "gone.pt", tmp_path / "foreign.pt"):
        assert_refused(path)
