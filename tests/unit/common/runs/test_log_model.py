"""With WANDB_LOG_MODEL a short run gives the tracker the checkpoint that was measured."""

import pytest
from rich.console import Console

from common.config.recipe import load_recipe
from common.results.record import parse_record
from common.runs.run import start_run
from common.tracking.tracker import Tracker

SHORT = ["trainer.batches=2", "evaluation.protocols=[knn]", "evaluation.references=[]"]
BEST = ["evaluation.select=best", "evaluation.monitor=train/epoch_loss"]


@pytest.mark.parametrize(
    ("variable", "words", "names"),
    [
        ("end", [], ["batch-000000002.ckpt"]),
        ("end", BEST, ["best.ckpt"]),
        ("false", [], []),
    ],
)
def test_the_measured_checkpoint_is_logged_when_asked(
    variable, words, names, tmp_path, monkeypatch
):
    given = []
    monkeypatch.setattr(Tracker, "model", lambda _self, *words: given.append(words))
    monkeypatch.setenv("WANDB_LOG_MODEL", variable)
    overrides = [*SHORT, *words, "tracking.mode=disabled", "tracking.plots=false"]
    record = start_run(load_recipe("swav/quick", overrides), tmp_path, Console(quiet=True))
    assert [path.name for _, path, _ in given] == names
    for name, path, text in given:
        assert name == f"model-{record.run_id}" and path.is_file()
        assert parse_record(text, name) == record
