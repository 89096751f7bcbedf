"""Files that hold no saved dict of a HeteroData."""

import re

import pytest
import torch
from torch_geometric.data import HeteroData

from common.data.graphs.readers.hetero import load_dict
from common.errors import DataError


def assert_refused(path, reason):
    mend = re.escape(f'{path} does not load: {reason}; save it as torch.save(data.to_dict(), "')
    with pytest.raises(DataError, match=mend + 'graph.pt"'):
        load_dict(path)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickled_object_is_not_executed(tmp_path, zipped):
    path = tmp_path / "graph.pt"
    torch.save(HeteroData(), path, _use_new_zipfile_serialization=zipped)
    assert_refused(path, "it holds a pickled object, which could run code of its own")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"nothing", "it is no file of torch.save"),
        (b"1 2 3\n", "it is no file of torch.save"),
        (b"user_id:token\titem_id:token\n", "it is no file of torch.save"),
        (b"type,count\npaper,9\n", "it is no file of torch.save"),
        (b"\x1f\x8b\x08\x00", "it is no file of torch.save"),
    ],
)
def test_an_empty_or_foreign_file_is_called_so(tmp_path, content, reason):
    path = tmp_path / "graph.pt"
    path.write_bytes(content)
    assert_refused(path, reason)


@pytest.mark.parametrize(
    ("zipped", "reason"),
    [(True, "PytorchStreamReader failed reading zip archive"), (False, "it ends too early; save")],
)
def test_a_saved_dict_loads_and_the_start_of_one_is_refused(tmp_path, zipped, reason):
    path = tmp_path / "graph.pt"
    torch.save({"a": {"x": torch.ones(2)}}, path, _use_new_zipfile_serialization=zipped)
    assert load_dict(path)["a"]["x"].tolist() == [1, 1]
    path.write_bytes(path.read_bytes()[:4])
    with pytest.raises(DataError, match=f"graph.pt does not load: {reason}"):
        load_dict(path)


def test_a_file_that_may_not_be_read_is_not_called_foreign(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "graph.pt"
    path.write_bytes(b"nothing")
    monkeypatch.setattr(torch, "load", refuse)
    assert_refused(path, "Permission denied")


def test_a_folder_and_a_missing_file_are_told_apart(tmp_path):
    with pytest.raises(DataError, match="is a folder; name the file in it"):
        load_dict(tmp_path)
    with pytest.raises(DataError, match="missing"):
        load_dict(tmp_path / "gone.pt")
