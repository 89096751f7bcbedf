"""A run whose data were altered since, by a cell, is refused until they are back.

The same code refuses all kinds of data, on a hash that each takes in its own way.
"""

import json

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
    """Writes a table; returns its path and the words that train on it."""
    path = folder / "own.csv"
    rows = [f"{number},{number % 7},{number / 3}" for number in range(200)]
    path.write_text("\n".join(["a,b,target", *rows]) + "\n")
    words = ["data.name=table", f"data.path={path}", "data.target=target", "method.window=20"]
    return path, [*words, "method.label_step=1", "evaluation.protocols=[regression-probe]"]


def test_altered_data_are_refused_until_they_are_put_back(papers, tmp_path):
    path, words = table(tmp_path)
    given = path.read_bytes()
    assert given.count(b"199,3") == 1
    altered = given.replace(b"199,3", b"198,3")
    words = [*WORDS, *words]
    run_dir, code = runs.train("supremix/diabetes", words, tmp_path / "runs", kills.AtBatch(6, 0))
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

    code, _, err = papers("evaluate", str(run_dir), str(path))
    assert code == 0 and "was trained on these data, also on rows that are" in " ".join(err.split())
    path.rename(tmp_path / "new.csv")
    code, _, err = papers("evaluate", str(run_dir), str(tmp_path / "new.csv"))
    assert "was trained on these data" not in " ".join(err.split())
