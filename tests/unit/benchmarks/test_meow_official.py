import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from packaging.version import Version

from benchmarks import meow_official
from common.data.graphs.readers.packed import LAYOUTS, Layout
from common.results.groups import Code
from common.results.leaderboard import make_leaderboard
from common.results.record import read_record, write_record

# What the official script prints, after three steps of training and one of a probe.
SCRIPT = """
import sys
import torch

assert sys.argv == ["main.py", "acm", "--seed", "2"]
for steps in (3, 1):
    weights = torch.nn.Linear(4, 2)
    optimizer = torch.optim.Adam(weights.parameters())
    for epoch in range(steps):
        print("Epoch:", epoch)
        weights(torch.ones(1, 4)).sum().backward()
        optimizer.step()
print("\\t[Clustering] NMI: 49.55   ARI: 33.80")
for value in (20, 40, 60):
    print("\\t[Val Classification] auc: 1.00 var: 0.00")
    print(f"\\t[Test Classification] Macro-F1_mean: {value}.25 var: 0.40  Micro-F1_mean: 90.00 "
          "var: 0.31 auc: nan var: 0.05")
"""
SMALL = Layout(
    types={"p": ("paper", 12), "a": ("author", 3), "s": ("subject", 2)},
    links=("pa", "ps"),
    features=("p", "a"),
    dense=(),
    metapaths=("paper-author-paper", "paper-subject-paper"),
)


def write_data(folder: Path) -> None:
    folder.mkdir(parents=True)
    np.save(folder / "labels.npy", np.arange(12) % 3)
    (folder / "pa.txt").write_text("".join(f"{paper} {paper % 3}\n" for paper in range(12)))
    (folder / "ps.txt").write_text("".join(f"{paper} {paper % 2}\n" for paper in range(12)))
    sp.save_npz(folder / "p_feat.npz", sp.csr_matrix(np.eye(12)))
    sp.save_npz(folder / "a_feat.npz", sp.csr_matrix(np.eye(3)))
    for split, nodes in {"train": range(3), "val": range(3, 6), "test": range(6, 12)}.items():
        for count in (20, 40, 60):
            np.save(folder / f"{split}_{count}.npy", np.array(nodes))


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    command = ["git", "-C", str(folder), *who, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def official(tmp_path, monkeypatch):
    """A repository with the official layout; what its script changes in the process is undone."""
    folder = tmp_path / "MEOW"
    write_data(folder / "data" / "acm")
    (folder / "code_meow").mkdir()
    (folder / "code_meow" / "main.py").write_text(SCRIPT)
    git(tmp_path, "init", "-q", str(folder))
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "a")
    monkeypatch.setitem(LAYOUTS, "acm", SMALL)
    monkeypatch.setattr(meow_official, "version", lambda name: "1.0")
    monkeypatch.setattr(sys, "argv", [])
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(os.getcwd())
    return folder


def test_a_run_leaves_a_complete_record_that_counts_nowhere_among_ours(official, tmp_path):
    record = meow_official.run(official, "acm", 2, "260101-000000-0000")
    assert read_record(write_record(record, tmp_path)).metrics["test/active_auc_20"] is None
    for count in (20, 40, 60):
        assert record.metrics[f"test/active_macro_f1_{count}"] == count + 0.25
    assert record.metrics["test/active_micro_f1_60_std"] == 0.31
    assert (record.metrics["test/active_nmi"], record.metrics["test/active_ari"]) == (49.55, 33.8)
    assert len(record.metrics) == 20 and math.isnan(record.metrics["test/active_auc_20"])
    assert (record.epochs, record.parameters, record.seed) == (3, 10, 2)
    assert record.samples_per_s > 0 and record.wall_s > 0
    assert (record.commit, record.dirty) == (git(official, "rev-parse", "HEAD"), False)
    # A wheel's metadata may leave out which CUDA it was built for.
    assert Version(record.versions["torch"]).public == Version(torch.__version__).public
    assert record.versions["faiss-cpu"] == "1.0"
    board = make_leaderboard([], [record], Code())
    assert board.groups == () and board.aside == (record,)


def test_a_change_in_the_official_code_is_told_and_files_that_it_writes_are_none(official):
    (official / "code_meow" / "result.txt").write_text("NMI")
    assert meow_official.describe(official).dirty is False
    (official / "code_meow" / "main.py").write_text("pass")
    assert meow_official.describe(official).dirty is True


def test_the_data_hash_is_of_the_graph_in_the_official_folder(official):
    folder = official / "data" / "acm"
    before = meow_official.hash_data(folder, "acm")
    assert meow_official.hash_data(folder, "acm") == before
    (folder / "ps.txt").write_text((folder / "ps.txt").read_text().replace("11 1", "11 0"))
    assert meow_official.hash_data(folder, "acm") != before


def test_output_without_an_evaluation_is_refused():
    with pytest.raises(ValueError):
        meow_official.read_metrics("\t[Clustering] NMI: 1.00   ARI: 1.00\n")
