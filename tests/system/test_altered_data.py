"""A run whose data were altered since is refused, of whatever kind they are, until they are back.

Each alteration is small: a cell, a pixel's last bit, a link, two actions in another order.
"""

import io
import json

import numpy as np
import pytest

from tests.system import kills, runs

WORDS = [
    "trainer.batches=12",
    "trainer.checkpoint_every_batches=4",
    "trainer.log_every=1",
    "trainer.threads=1",
    "tracking.mode=disabled",
    "tracking.plots=false",
    "evaluation.references=[]",
]


def table(folder):
    path = folder / "own.csv"
    rows = [f"{number},{number % 7},{number / 3}" for number in range(200)]
    path.write_text("\n".join(["a,b,target", *rows]) + "\n")
    words = ["data.name=table", f"data.path={path}", "data.target=target", "method.window=20"]
    words += ["method.label_step=1", "evaluation.protocols=[regression-probe]"]
    return "supremix/diabetes", words, replaced(path, "199,3", "198,3")


def images(folder):
    path = folder / "fashion_mnist_subset/fashion_mnist_train10k_test5k.npz"
    random = np.random.default_rng(0)
    arrays = {
        "x_train": random.integers(0, 256, (64, 28, 28), dtype=np.uint8),
        "y_train": np.arange(64) % 4,
        "x_test": random.integers(0, 256, (16, 28, 28), dtype=np.uint8),
        "y_test": np.arange(16) % 4,
    }
    path.parent.mkdir()
    np.savez(path, **arrays)

    arrays["x_test"][-1, -1, -1] ^= 1
    altered = io.BytesIO()
    np.savez(altered, **arrays)
    words = ["data.name=fashion-mnist", f"data.root={folder}", "data.batch_size=16"]
    return "swav/quick", [*words, "evaluation.protocols=[knn]"], (path, altered.getvalue())


def graph(folder):
    folder = folder / "graph"
    folder.mkdir()
    (folder / "nodes.csv").write_text("type,count\npaper,40\nauthor,20\n")
    links = [f"{number},{(number + step) % 20}" for number in range(40) for step in (0, 1)]
    path = folder / "paper-author.csv"
    path.write_text("\n".join(["paper,author", *links]) + "\n")
    labels = [f"{number},{number % 2}" for number in range(40)]
    (folder / "labels.csv").write_text("\n".join(["node,class", *labels]) + "\n")
    words = [
        "data.name=folder",
        f"data.path={folder}",
        "data.metapaths=[paper-author-paper]",
        "data.top_k=[5]",
        "data.edge_mask=[0.3]",
        "data.labels_per_class=[2]",
        "method.num_clusters=[2,4]",
        "evaluation.protocols=[node-probe]",
        "evaluation.node_probe.probes=2",
    ]
    return "meow/quick", words, replaced(path, "39,19", "39,18")


def actions(folder):
    path = folder / "clicks.inter"
    rows = [f"{user}\t{(user + step) % 30}" for user in range(40) for step in range(8)]
    path.write_text("\n".join(["user_id:token\titem_id:token", *rows]) + "\n")
    # Those of the last user in another order: the last of them is the one that the test predicts.
    words = ["data.name=file", f"data.path={path}", "data.batch_size=16", "data.max_length=8"]
    return "mclrec/quick", words, replaced(path, "39\t15\n39\t16\n", "39\t16\n39\t15\n")


def series(folder):
    path = folder / "steps.csv"
    rows = [f"{number},{number % 24}.5" for number in range(400)]
    path.write_text("\n".join(["step,load", *rows]) + "\n")
    words = [
        "data.name=csv",
        f"data.path={path}",
        "data.date=null",
        "data.targets=[load]",
        "data.length=32",
        "data.window=9",
        "data.batch_size=4",
        "evaluation.protocols=[forecasting]",
        "evaluation.forecasting.horizons=[4]",
        "evaluation.forecasting.lags=8",
    ]
    return "autotcl/quick", words, replaced(path, "399,15.5", "399,15.25")


def replaced(path, old, new):
    """Returns the file and its altered content."""
    text = path.read_text()
    assert text.count(old) == 1
    return path, text.replace(old, new).encode()


# All are refused by the same code, on a hash that each kind of data takes in its own way.
SLOW = [pytest.param(write, marks=pytest.mark.slow) for write in (images, graph, actions, series)]


@pytest.mark.parametrize("write", [table, *SLOW])
def test_altered_data_are_refused_until_they_are_put_back(write, papers, tmp_path):
    reference, words, (path, altered) = write(tmp_path)
    given = path.read_bytes()
    run_dir, code = runs.train(reference, [*WORDS, *words], tmp_path / "runs", kills.AtBatch(6, 0))
    assert code == -9

    path.write_bytes(altered)
    code, _, err = papers("resume", str(run_dir))
    assert code == 2 and "data: their hash was" in " ".join(err.split())
    path.write_bytes(given)
    code, out, _ = papers("resume", str(run_dir))
    assert code == 0 and "resuming from batch-000000004.ckpt" in out
    assert json.loads((run_dir / "result.json").read_text())["batches"] == 12

    path.write_bytes(altered)
    code, _, err = papers("evaluate", str(run_dir))
    assert code == 2 and f"{run_dir.name}: its data had the hash" in err
    assert not (run_dir / "evaluations").exists()
    path.write_bytes(given)
    assert papers("evaluate", str(run_dir))[0] == 0
