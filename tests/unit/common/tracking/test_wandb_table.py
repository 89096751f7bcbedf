import contextlib
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from common.errors import LikewiseError, UsageError
from common.tracking import wandb_table
from common.tracking.wandb_table import log_embeddings_table, log_table

GIVEN = "comparison", ("arm", "mean"), [("method", 1.5), ("simclr", None)]


@pytest.fixture
def logged(monkeypatch):
    """Puts an object with W&B's documented calls in its place; returns what was given to them."""
    given = {}

    def init(**options):
        given.update(options)
        run = SimpleNamespace(url="https://host/run", settings=SimpleNamespace(sync_dir="wandb/x"))
        run.log = given.update
        return contextlib.nullcontext(run)

    table = lambda columns, data: (columns, data)  # noqa: E731
    fake = SimpleNamespace(init=init, Table=table, Settings=lambda **settings: settings)
    monkeypatch.setitem(sys.modules, "wandb", fake)
    return given


def test_every_row_goes_into_one_table(logged, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "online")
    assert "https://host/run" in log_table("me/mine", *GIVEN)
    columns, data = logged["comparison"]
    assert (columns, data) == (["arm", "mean"], [["method", 1.5], ["simclr", None]])
    assert (logged["entity"], logged["project"], logged["mode"]) == ("me", "mine", "online")
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert "wandb sync wandb/x" in log_table("me/mine", *GIVEN)


def test_what_is_wrong_is_told(logged, monkeypatch):
    with pytest.raises(UsageError, match="ENTITY/PROJECT"):
        log_table("mine", *GIVEN)
    monkeypatch.setenv("WANDB_MODE", "disabled")
    with pytest.raises(UsageError, match="WANDB_MODE"):
        log_table("me/mine", *GIVEN)
    monkeypatch.setenv("WANDB_MODE", "online")

    def refuse(**_options):
        raise RuntimeError("no such\n entity")

    monkeypatch.setattr(sys.modules["wandb"], "init", refuse)
    with pytest.raises(LikewiseError, match="no such entity"):
        log_table("me/mine", *GIVEN)


def test_each_embedding_is_a_row_with_what_is_known_of_it(logged, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    vectors = np.arange(6.0).reshape(3, 2)
    arrays = {"embeddings": vectors, "ids": np.array(["a", "b", "c"]), "item_ids": np.arange(5)}
    assert "wandb sync wandb/x" in log_embeddings_table("me/mine", arrays)
    columns, data = logged["embeddings"]
    assert columns == ["ids", "embeddings"]
    assert data == [["a", [0.0, 1.0]], ["b", [2.0, 3.0]], ["c", [4.0, 5.0]]]
    monkeypatch.setattr(wandb_table, "MOST_ROWS", 2)
    with pytest.raises(LikewiseError, match="3 rows"):
        log_embeddings_table("me/mine", arrays)
