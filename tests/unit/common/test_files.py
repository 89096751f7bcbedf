import errno
import os

import pytest

from common.errors import LikewiseError
from common.files import write_atomic


def test_text_and_bytes_are_written_and_no_temporary_file_stays(tmp_path):
    write_atomic(tmp_path / "new" / "a.txt", "naïve\r\n")
    write_atomic(tmp_path / "new" / "a.bin", b"\x00\xff")
    assert (tmp_path / "new" / "a.txt").read_bytes() == "naïve\r\n".encode()
    assert (tmp_path / "new" / "a.bin").read_bytes() == b"\x00\xff"
    assert sorted(os.listdir(tmp_path / "new")) == ["a.bin", "a.txt"]


def test_a_failure_in_mid_write_leaves_the_old_content(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    write_atomic(path, "old")

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LikewiseError, match=r"a\.txt: could not be written \(No space left"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_the_new_content_is_synced_before_it_takes_the_name(tmp_path, monkeypatch):
    order = []
    monkeypatch.setattr(os, "fsync", lambda _: order.append("sync"))
    rename = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (order.append("rename"), rename(a, b)))
    write_atomic(tmp_path / "a.txt", "x")
    assert order == ["sync", "rename", "sync"]
