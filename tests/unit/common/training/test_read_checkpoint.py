import os
import pickle

import pytest
import torch

from common.runs.checkpoints import NAME, AtomicCheckpointIO, last_good_checkpoint
from common.training.position import CheckpointError, read_checkpoint


def content(value):
    return {"likewise": {"version": 1}, "state_dict": {"w": torch.full((3,), float(value))}}


def save(folder, number):
    path = folder / NAME.format(number)
    AtomicCheckpointIO().save_checkpoint(content(number), path)
    return path


def test_a_checkpoint_reads_back_and_leaves_no_temporary_file(tmp_path):
    path = save(tmp_path, 7)
    assert torch.equal(read_checkpoint(path)["state_dict"]["w"], torch.full((3,), 7.0))
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_truncated_one_is_said_and_the_previous_one_taken(tmp_path):
    first, second = save(tmp_path, 1), save(tmp_path, 2)
    second.write_bytes(second.read_bytes()[:-200])
    path, problems = last_good_checkpoint(tmp_path)
    assert path == first
    assert "truncated" in problems[0] and second.name in problems[0]


def test_a_full_disk_keeps_the_old_file(tmp_path, monkeypatch):
    path = save(tmp_path, 1)
    before = path.read_bytes()

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        CheckpointError, match=r"No space left.*Free some space, then: papers resume"
    ):
        AtomicCheckpointIO().save_checkpoint(content(9), path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_foreign_and_missing_files_are_refused(tmp_path):
    torch.save({"state_dict": {}}, tmp_path / "other.ckpt")
    with pytest.raises(CheckpointError, match="another program"):
        read_checkpoint(tmp_path / "other.ckpt")
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        read_checkpoint(tmp_path / "none.ckpt")


class Malice:
    def __reduce__(self):
        return os.system, ("touch pwned",)


def test_a_checkpoint_that_runs_code_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with open(tmp_path / "evil.ckpt", "wb") as file:
        pickle.dump({"likewise": Malice()}, file)
    torch.save({"likewise": Malice()}, tmp_path / "evil2.ckpt")
    with pytest.raises(CheckpointError, match=r"evil.ckpt"):
        read_checkpoint(tmp_path / "evil.ckpt")  # of a form that torch does not read at all
    with pytest.raises(CheckpointError, match=r"evil2.ckpt"):
        read_checkpoint(tmp_path / "evil2.ckpt")
    assert not (tmp_path / "pwned").exists()
