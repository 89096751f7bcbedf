"""What is drawn of the rows and who answers; tables and answers of the user's own."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from common.config.recipe import load_recipe
from common.errors import ConfigError, DataError, UsageError
from common.own_data.plan import make_plan
from common.training.fit import prepare
from papers.sirl import SIRL, SIRLConfig
from papers.sirl.batch import PreferenceBatch, QueryBatch, RowBatch
from papers.sirl.data import TEST_QUERIES, TrajectoryData
from papers.sirl.data_config import TrajectoryConfig, TrajectoryFacts
from papers.sirl.person import answer_queries, people, rewards
from papers.sirl.rows import TrajectorySet, draw_groups


def load(seed: int = 0, **changes) -> TrajectoryData:
    data = TrajectoryData(TrajectoryConfig(**changes), seed)
    data.load()
    return data


def first_batch(data: TrajectoryData):
    return next(iter(data.train_dataloader()))


def test_groups_hold_different_rows_and_any_of_them():
    rows = torch.tensor([4, 7, 9, 11])
    groups = draw_groups(rows, 4000, 3, torch.Generator().manual_seed(0))
    assert set(groups.unique().tolist()) == set(rows.tolist())
    assert all(len(set(group)) == 3 for group in groups.tolist())
    counts = groups.unique(dim=0, return_counts=True)[1]
    assert len(counts) == 24 and counts.min() > 100  # each order is as likely: 167 are expected


def test_queries_are_of_the_training_rows_and_a_function_of_the_seed():
    data, again, other = load(), load(), load(seed=1)
    assert torch.equal(data.queries["train"], again.queries["train"])
    assert not torch.equal(data.queries["train"], other.queries["train"])
    assert torch.equal(data.queries["test"], other.queries["test"])
    assert data.fingerprint == other.fingerprint
    # That of the committed records, whatever the processor.
    assert data.fingerprint == "cd2d30b3d9e19d4f"
    assert len(data.queries["train"]) == 1000 and len(data.queries["test"]) == TEST_QUERIES
    for part in ("train", "test"):
        assert set(data.queries[part].unique().tolist()) <= set(data.parts[part].tolist())
    assert not set(data.parts["train"].tolist()) & set(data.parts["test"].tolist())


def test_the_kinds_of_answers_are_about_the_same_queries():
    found = {kind: load(answers=kind).queries for kind in ("three_way", "anchored", "random")}
    queries = [each["train"] for each in found.values()]
    assert len({str(q.sort(1).values.tolist()) for q in queries}) == 1
    features = load().features
    assert features is not None
    best = answer_queries(features, queries[0], "three_way")
    # Equal pairs are told apart by their place, which an answer changes.
    assert (best[:, 2] == queries[0][:, 2]).double().mean() > 0.94
    agreed = (queries[2][:, 2] == queries[0][:, 2]).double().mean()
    assert abs(agreed - 1 / 3) < 0.06
    # Tests ask what the person means, however those of the training answered.
    assert all(torch.equal(each["test"], found["three_way"]["test"]) for each in found.values())


def test_each_kind_of_sample_has_its_batch():
    data = load()
    batch = first_batch(data)
    assert isinstance(batch, QueryBatch) and batch.odd.shape == (64, 19)
    asked = data.queries["train"][batch.key.rows]
    assert torch.equal(batch.first, data.rows[asked[:, 0]])
    assert torch.equal(batch.odd, data.rows[asked[:, 2]])
    assert isinstance(first_batch(load(samples="rows")), RowBatch)


def test_preferences_are_sampled_as_the_persons_feel():
    data = load(samples="preferences", num_answers=1500)
    batches = list(data.train_dataloader())
    assert all(isinstance(batch, PreferenceBatch) for batch in batches)
    assert data.facts.num_people == 8 and data.features is not None
    right = []
    place = {tuple(row): number for number, row in enumerate(data.rows.tolist())}
    for batch in batches:
        weights = people(2)[batch.people]
        of_first, of_second = (
            rewards(data.features[[place[tuple(row)] for row in part.tolist()]], weights)
            for part in (batch.first, batch.second)
        )
        told = (of_second > of_first).long() == batch.labels
        right.append(told[(of_first - of_second).abs() > 0.3])
    assert torch.cat(right).double().mean() > 0.95


def test_the_split_that_nothing_was_kept_for_is_refused():
    with pytest.raises(ConfigError, match="holdout"):
        load().check_split("val")
    held = load(holdout=0.1)
    held.check_split("val")
    assert len(held.parts["val"]) == 157 and len(held.parts["train"]) == 1411
    assert held.fingerprint == load().fingerprint


def test_standardised_columns_have_deviation_1_over_the_training_rows():
    data = load(standardise=True)
    train = data.rows[data.parts["train"]]
    assert torch.allclose(train.mean(0), torch.zeros(19), atol=1e-5)
    assert torch.allclose(train.std(0, correction=0), torch.ones(19), atol=1e-4)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"rows": torch.tensor([[0.0], [torch.nan]] * 4)}, "row 1"),
        ({"is_test": torch.arange(8) > 5}, "2 test rows"),
    ],
)
def test_broken_sets_are_refused(changes, word):
    whole = TrajectorySet(torch.rand(8, 1).double(), torch.arange(8) % 2 == 0, torch.rand(8, 2))
    data = TrajectoryData(TrajectoryConfig(), 0, read=lambda _: replace(whole, **changes))
    with pytest.raises(DataError, match=word):
        data.load()


def test_a_batch_larger_than_the_answers_is_refused():
    with pytest.raises(ConfigError, match="20 training queries"):
        load(num_answers=20)


@pytest.mark.parametrize(
    "words",
    [
        ["data.name=answered-table"],
        ["data.path=x.csv"],
        ["data.name=answered-table", "data.path=x", "data.answers_path=y", "data.answers=anchored"],
    ],
)
def test_settings_that_fit_no_data_are_refused(words):
    with pytest.raises(ConfigError):
        load_recipe("sirl/quick", words)


@pytest.mark.parametrize("variant", ["", ":vae", ":multi-preferences"])
def test_samples_of_another_kind_are_refused_before_the_training(variant):
    prepare(load_recipe(f"sirl/quick{variant}"))
    other = "queries" if variant else "rows"
    with pytest.raises(ConfigError, match=r"data\.samples"):
        prepare(load_recipe(f"sirl/quick{variant}", [f"data.samples={other}"]))


ROWS = "id,x,y\n" + "".join(f"r{n},{n},{n * n}\n" for n in range(10))


@pytest.fixture
def own(tmp_path) -> TrajectoryConfig:
    rows, answers = tmp_path / "rows.csv", tmp_path / "answers.csv"
    rows.write_text(ROWS)
    lines = (f"r{n % 9},r{n % 9 + 1},r{(n + 5) % 9}\n" for n in range(20))
    answers.write_text("first,second,odd\n" + "".join(lines))
    given = {"path": str(rows), "answers_path": str(answers), "standardise": True}
    return TrajectoryConfig(name="answered-table", batch_size=4, **given)


def test_answers_of_the_users_own_are_trained_on_and_some_are_tested(own):
    data = TrajectoryData(own, 0)
    data.load()
    assert {part: len(each) for part, each in data.queries.items()} == {
        **{"train": 16, "val": 0, "test": 4}
    }
    for first, second, odd in torch.cat([data.queries["train"], data.queries["test"]]).tolist():
        assert second == first + 1 and odd == (first + 5) % 9
    assert data.facts == TrajectoryFacts(2, 0)
    assert first_batch(data).first.shape == (4, 2)
    with pytest.raises(DataError, match="query-accuracy"):
        data.check_evaluation(load_recipe("sirl/quick").evaluation)
    recipe = load_recipe("sirl/quick", ["evaluation.protocols=[query-accuracy]"])
    data.check_evaluation(recipe.evaluation)


@pytest.mark.parametrize(
    ("answers", "word"),
    [
        ("first,second,odd\nr1,r2,r3\nr1,r2,r99\n", "line 3.*'r99'"),
        ("first,second,odd\nr1,r2,r3\nr1,r2,r2\n", "line 3.*twice"),
        ("first,second,third\nr1,r2,r3\nr1,r2,r4\n", "'odd'"),
    ],
)
def test_answers_that_cannot_be_are_told_by_their_line(own, answers, word):
    open(own.answers_path, "w").write(answers)
    with pytest.raises(DataError, match=word):
        TrajectoryData(own, 0).load()


def test_an_id_that_stands_twice_is_refused(own):
    open(own.path, "w").write(ROWS + "r3,1,1\n")
    with pytest.raises(DataError, match="'r3'"):
        TrajectoryData(own, 0).load()


def test_own_rows_are_embedded_in_any_order_of_columns_and_from_an_array(own, tmp_path):
    data = TrajectoryData(own, 0)
    module = SIRL(SIRLConfig(hidden_dims=[8], output_dim=3), facts=data.facts)
    found = data.embed_path(module, tmp_path / "rows.csv")
    assert found["embeddings"].shape == (10, 3) and found["ids"][2] == "r2"
    with torch.no_grad():
        assert np.allclose(found["embeddings"], module(data.rows).numpy(), atol=1e-6)
    turned = tmp_path / "turned.csv"
    turned.write_text("y,x\n4,2\n9,3\n")
    there = data.embed_path(module, turned)["embeddings"]
    assert np.allclose(there, found["embeddings"][2:4], atol=1e-6)
    np.savez(tmp_path / "x.npz", x=np.array([[2.0, 4.0]]))
    there = data.embed_path(module, tmp_path / "x.npz")["embeddings"]
    assert np.allclose(there, found["embeddings"][2:3], atol=1e-6)
    np.savez(tmp_path / "x.npz", x=np.zeros((1, 3)))
    with pytest.raises(DataError, match=r"x\.npz"):
        data.embed_path(module, tmp_path / "x.npz")


def test_a_csv_and_its_answers_are_planned_for(own):
    plan = make_plan("sirl", str(own.path), [f"data.answers_path={own.answers_path}"])
    data = TrajectoryData(plan.recipe.data, 0)
    data.load()
    assert len(data.queries["train"]) == 16 and plan.recipe.data.standardise
    data.check_evaluation(plan.recipe.evaluation)
    batches = len(data.queries["train"]) // plan.recipe.data.batch_size
    assert batches * plan.recipe.trainer.epochs == pytest.approx(3000, rel=0.01)
    with pytest.raises(UsageError, match="answers_path"):
        make_plan("sirl", str(own.path), [])
