from types import SimpleNamespace

import numpy as np
import pytest
import torch

from common.cli.main import app
from common.config.recipe import load_recipe
from common.data.sequences.config import SequenceConfig
from common.errors import LikewiseError, UsageError
from common.evaluation.ranking import History, RankingInput
from common.export.tables import recommend
from common.runs import loading
from common.runs.folder import new_run
from common.training.fit import Experiment

# Two users and five items, whose scores fall from the first item to the last for user a, and rise
# for user b. User a has met items 1 and 2, user b all but item 2.
SCORES = torch.tensor([[9.0, 5, 4, 3, 2, 1], [9.0, 1, 2, 3, 4, 5]])
HISTORY = History(torch.tensor([1, 2, 1, 3, 4, 5]), torch.tensor([0, 2, 6]))


class Data:
    config = SequenceConfig(name="file", user="user_id", time="hour")
    sequences = SimpleNamespace(known_items=lambda: np.array([f"i{n}" for n in range(1, 6)]))
    scores = SCORES

    def load(self):
        pass

    def path_inputs(self, module, path):
        self.read = path
        queries = torch.eye(2)
        inputs = RankingInput(queries, self.scores.T.clone(), torch.empty(0), HISTORY)
        return np.array(["a", "b,c"]), inputs


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Returns the folder of a run of a recommender, whose data and module are stand-ins."""
    data = Data()
    monkeypatch.setattr(
        loading, "load_run", lambda _: Experiment(recipe, data, torch.nn.Linear(1, 1))
    )
    actions = tmp_path / "clicks.inter"
    actions.touch()
    recipe = load_recipe("mclrec/quick", ["data.name=file", f"data.path={actions}"])
    folder = new_run(recipe, tmp_path)
    folder.unlock()
    return SimpleNamespace(path=folder.path, data=data)


def table(run, tmp_path, top=2, keep_seen=False):
    recommend(run.path, None, top, tmp_path / "table.csv", keep_seen, True)
    return (tmp_path / "table.csv").read_text().splitlines()


def test_each_user_gets_the_best_items_that_they_have_not_met(run, tmp_path):
    rows = ["a,1,i3,3", "a,2,i4,2", '"b,c",1,i2,2']
    assert table(run, tmp_path) == ["user,rank,item,score", *rows]


def test_items_that_were_met_may_be_kept_and_the_padding_item_never_is(run, tmp_path):
    rows = table(run, tmp_path, top=9, keep_seen=True)[1:]
    assert [row.split(",")[-2] for row in rows[:5]] == ["i1", "i2", "i3", "i4", "i5"]
    assert [row.split(",")[-2] for row in rows[5:]] == ["i5", "i4", "i3", "i2", "i1"]


def test_a_table_is_replaced_only_where_it_is_allowed(run, tmp_path):
    target = tmp_path / "table.csv"
    target.write_text("mine")
    with pytest.raises(UsageError, match="--force"):
        recommend(run.path, None, 2, target, False, False)
    assert target.read_text() == "mine"


def test_what_is_not_finite_is_no_recommendation(run, tmp_path):
    run.data.scores = SCORES.clone().fill_(torch.nan)
    with pytest.raises(LikewiseError):
        table(run, tmp_path)
    assert not (tmp_path / "table.csv").exists()


def test_another_file_may_call_its_columns_otherwise(run, tmp_path):
    other = tmp_path / "other.csv"
    other.touch()
    words = ["recommend", str(run.path), f"--out={tmp_path / 'a.csv'}"]
    app([*words, str(other), "data.user=visitor", "data.time=null"], standalone_mode=False)
    assert (run.data.config.user, run.data.config.time) == ("visitor", None)
    assert run.data.read == other
    with pytest.raises(UsageError, match=r"visitor: names a column of .*; .*\.inter is none$"):
        app([*words, "--force", "data.user=visitor"], standalone_mode=False)
    app([*words, "--force", "data.user=null"], standalone_mode=False)


@pytest.mark.parametrize(
    ("data", "top", "name"),
    [("none.inter", 2, "a.csv"), (None, 0, "a.csv"), (None, 2, "a.txt")],
)
def test_what_cannot_be_done_is_refused_before_the_run_is_loaded(
    data, top, name, run, tmp_path, monkeypatch
):
    monkeypatch.setattr(loading, "load_run", lambda _: pytest.fail("loaded"))
    with pytest.raises(UsageError):
        recommend(run.path, data and tmp_path / data, top, tmp_path / name, False, False)


def test_a_run_of_another_kind_is_refused(tmp_path):
    folder = new_run(load_recipe("swav/quick"), tmp_path)
    folder.unlock()
    with pytest.raises(UsageError, match="swav"):
        recommend(folder.path, None, 2, tmp_path / "a.csv", False, False)


def test_a_parquet_table_has_the_same_rows(run, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    recommend(run.path, None, 2, tmp_path / "a.parquet", False, False)
    rows = parquet.read_table(tmp_path / "a.parquet").to_pylist()
    assert [(row["user"], row["rank"], row["item"]) for row in rows] == [
        ("a", 1, "i3"),
        ("a", 2, "i4"),
        ("b,c", 1, "i2"),
    ]
