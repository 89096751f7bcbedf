import errno
import hashlib
import os
from pathlib import Path

import pytest

from common.config.files import check_output, file_digest, remove_torn, write_atomic, write_folder
from common.errors import LikewiseError, UsageError
from common.export.tables import EMBEDDINGS


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
    with pytest.raises(LikewiseError, match=r"a\.txt"):
        write_atomic(path, "new")
    with pytest.raises(LikewiseError, match=r"a\.txt"):
        write_folder(path / "made", {"b.txt": "new"})
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path, monkeypatch):
    with monkeypatch.context() as killed:
        killed.setattr(os, "replace", lambda *_: os.truncate(tmp_path / "none", 0))
        killed.setattr(Path, "unlink", lambda *_, **__: None)
        with pytest.raises(LikewiseError):
            write_atomic(tmp_path / "a.txt", "torn")
    (tmp_path / "b.tmp").write_text("a user's")
    assert len(os.listdir(tmp_path)) == 2
    remove_torn(tmp_path, tmp_path / "no such folder")
    assert os.listdir(tmp_path) == ["b.tmp"]


def test_a_file_that_its_writer_has_renamed_meanwhile_is_passed_over(tmp_path, monkeypatch):
    gone = tmp_path / ".a.txt.1-ab.tmp"
    monkeypatch.setattr(Path, "glob", lambda *_: [gone])
    remove_torn(tmp_path)


def test_the_new_content_is_synced_before_it_takes_the_name(tmp_path, monkeypatch):
    order = []
    monkeypatch.setattr(os, "fsync", lambda _: order.append("sync"))
    rename = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (order.append("rename"), rename(a, b)))
    write_atomic(tmp_path / "a.txt", "x")
    assert order == ["sync", "rename", "sync"]


def test_the_digest_of_a_file_is_that_of_its_bytes(tmp_path):
    (tmp_path / "x").write_bytes(b"abc" * 100_000)
    assert file_digest(tmp_path / "x") == hashlib.sha256(b"abc" * 100_000).hexdigest()
    assert file_digest(str(tmp_path / "x"), "md5") == hashlib.md5(b"abc" * 100_000).hexdigest()


def test_a_file_is_replaced_only_when_that_is_asked_for(tmp_path):
    check_output(tmp_path / "new.npz", EMBEDDINGS, force=False)
    (tmp_path / "old.npz").touch()
    check_output(tmp_path / "old.npz", EMBEDDINGS, force=True)
    with pytest.raises(UsageError, match=r"old.npz.*--force.*--out FILE"):
        check_output(tmp_path / "old.npz", EMBEDDINGS, force=False)


def test_a_folder_that_takes_no_file_is_refused_before_the_work(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="file/new: no file can be written there"):
        check_output(tmp_path / "file" / "new" / "a.npz", EMBEDDINGS, force=False)
    check_output(tmp_path / "new" / "folder" / "a.npz", EMBEDDINGS, force=False)
    monkeypatch.setattr("os.access", lambda folder, _mode: folder != tmp_path)
    with pytest.raises(UsageError, match="no file can be written there"):
        check_output(tmp_path / "new" / "a.npz", EMBEDDINGS, force=False)


def test_other_endings_and_libraries_that_are_not_there_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"mine.csv.*\.npz"):
        check_output(tmp_path / "mine.csv", EMBEDDINGS, force=True)
    with pytest.raises(UsageError, match=r"mine\.foo: needs no_such_library"):
        check_output(tmp_path / "mine.foo", {".foo": "no_such_library"}, force=True)
