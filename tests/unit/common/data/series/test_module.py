from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from common.data.sampler import BatchKey
from common.data.series.batches import CroppedSections
from common.data.series.config import SeriesConfig
from common.data.series.module import SeriesData
from common.data.series.sets import cut_sections, time_covariates
from common.errors import ConfigError, DataError
from common.evaluation.series_config import ForecastingConfig, SeriesSvmConfig
from common.runs.loading import read_otherwise
from tests.recipes import evaluation

SMALL = {"length": 50, "batch_size": 8, "window": 31}


def make(seed=0, **options):
    return SeriesData(SeriesConfig(**{**SMALL, **options}), seed)


def csv(folder, steps=600, flat=False):
    rng = np.random.default_rng(0)
    lines = ["date,a,b"]
    for step, (a, b) in enumerate(rng.normal(5, 2, (steps, 2))):
        date = datetime(2020, 1, 1) + timedelta(hours=step)
        lines.append(f"{date},{a},{1 if flat else b}")
    path = folder / "mine.csv"
    path.write_text("\n".join(lines))
    return str(path)


def labelled(folder):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(12, 40, 2)).astype(np.float32)
    x[3, 30:] = np.nan
    y = np.arange(12) % 3
    np.savez(folder / "mine.npz", x_train=x, y_train=y, x_test=x[:6], y_test=y[:6])
    return str(folder / "mine.npz")


def test_sections_are_as_equal_as_can_be():
    series = torch.arange(11.0).repeat(2, 1)[..., None]
    series[1] += 100
    found = cut_sections(series, 3)
    assert found.shape == (6, 4, 1)
    # Section by section, both instances after each other; the shorter one ends with NaN.
    assert found[:2, :, 0].tolist() == [[0, 1, 2, 3], [100, 101, 102, 103]]
    assert found[4, :3, 0].tolist() == [8, 9, 10] and found[4, 3, 0].isnan()


def test_the_calendar_of_a_date():
    found = time_covariates([datetime(2018, 12, 31, 5, 45)])
    assert found.tolist() == [[45, 5, 0, 31, 365, 12, 1]]


def test_batches_are_cropped_by_seed_and_position():
    sections = torch.arange(60.0).view(3, 20, 1)
    known = torch.arange(60.0).view(3, 20)
    starts = set()
    for batch in range(30):
        key = BatchKey(torch.tensor([2, 0]), 0, batch, 0, 2)
        found = CroppedSections(sections, known, 15, 1)[key]
        assert found.x.shape == (2, 15, 1)
        assert torch.equal(found.x[..., 0], found.informative)
        starts.add(int(found.x[1, 0, 0]))
        again = CroppedSections(sections, known, 15, 1)[key]
        assert torch.equal(found.x, again.x)
    assert starts == set(range(6))


def test_a_generated_series_is_cut_and_knows_its_mask():
    data = make()
    facts = data.facts
    assert (facts.channels, facts.steps, facts.num_sections) == (1, 50, 86)
    loader = data.train_dataloader()
    batches = list(loader)
    assert len(batches) == 10 and batches[0].x.shape == (8, 50, 1)
    share = torch.cat([batch.informative for batch in batches]).mean()
    assert 0.75 < float(share) < 0.85
    assert "4,320 train, 1,440 val, 1,440 test" in data.describe()


def test_targets_and_calendar_are_standardised_on_training(tmp_path):
    data = make(name="csv", path=csv(tmp_path), batch_size=4)
    data.load()
    start, end = data.long.parts["train"]
    inputs = data.long.inputs[0]
    assert inputs.shape[1] == 9 and data.long.names == ("a", "b")
    for column in (1, 7, 8):  # hour, and both targets
        torch.testing.assert_close(
            inputs[start:end, column].mean(), torch.tensor(0.0), atol=1e-5, rtol=0
        )
        std = inputs[start:end, column].std(correction=0)
        torch.testing.assert_close(std, torch.tensor(1.0), atol=1e-5, rtol=0)
    assert not inputs[:, 0].any()  # minutes never change
    plain = make(name="csv", path=csv(tmp_path), batch_size=4, calendar=False, targets=["b"])
    assert plain.facts.channels == 1 and plain.fingerprint != data.fingerprint


def test_targets_apart_are_instances_of_one_channel(tmp_path):
    data = make(name="csv", path=csv(tmp_path), batch_size=4, apart=True)
    assert data.facts.channels == 8 and data.facts.num_sections == 2 * (360 // 50)
    together = make(name="csv", path=csv(tmp_path), batch_size=4)
    together.load()
    for number in range(2):
        assert torch.equal(data.long.inputs[number, :, 7], together.long.inputs[0, :, 7 + number])


def test_short_series_are_rows_of_a_batch(tmp_path):
    data = make(name="labelled", path=labelled(tmp_path), batch_size=4)
    assert (data.facts.channels, data.facts.steps, data.facts.num_sections) == (2, 40, 12)
    assert data.reference_names == ("raw",)
    inputs = data.evaluation_inputs(None, "test")
    assert inputs.lengths["train"].tolist()[2:5] == [40, 30, 40]
    assert "3 classes, 2 channels, 12 train, 6 test" in data.describe()
    halves = make(name="labelled", path=labelled(tmp_path), batch_size=4, length=20)
    assert halves.facts.num_sections == 24


def test_a_seed_changes_the_order_and_nothing_else():
    first, again, other = make(), make(), make(seed=1)
    assert first.facts == other.facts and first.fingerprint == other.fingerprint
    rows = [next(iter(d.train_dataloader())).key.rows.tolist() for d in (first, again, other)]
    assert rows[0] == rows[1] != rows[2]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"batch_size": 87}, ConfigError, r"data\.batch_size=87.*seasons-loud.*86"),
        ({"targets": ["valeu"]}, ConfigError, "'valeu'.*'value'"),
        ({"num_steps": 600, "window": 400}, ConfigError, r"has 360 training steps"),
    ],
)
def test_what_the_data_do_not_hold_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        make(**options).load()


def test_a_constant_target_is_refused(tmp_path):
    with pytest.raises(DataError, match="'b'"):
        make(name="csv", path=csv(tmp_path, flat=True), batch_size=4).load()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "csv"}, r"data\.path"),
        ({"path": "x.csv"}, r"data\.path"),
        ({"shares": [0.5, 0.2, 0.2]}, r"data\.shares"),
        ({"targets": ["a", "a"]}, "names a column twice"),
    ],
)
def test_settings_that_contradict_each_other(options, message):
    with pytest.raises(ConfigError, match=message):
        SeriesConfig(**options)


def test_protocols_must_suit_the_data(tmp_path):
    long = make(window=60)
    long.check_evaluation(evaluation("autotcl", protocols=["forecasting"]))
    far = ForecastingConfig(horizons=[24, 1440])
    with pytest.raises(ConfigError, match=r"1440.*'val'.*1440"):
        long.check_evaluation(evaluation("autotcl", protocols=["forecasting"], forecasting=far))
    with pytest.raises(ConfigError, match=r"lags=48.*data\.window=31"):
        make().check_evaluation(evaluation("autotcl", protocols=["forecasting"]))
    # Of what is measured in training alone, which never sees the test part.
    with pytest.raises(ConfigError, match=r"1440.*'val'"):
        long.check_evaluation(evaluation("autotcl", online=["forecasting"], forecasting=far))
    with pytest.raises(ConfigError, match="'series-svm'"):
        long.check_evaluation(evaluation("autotcl", protocols=["series-svm"]))
    short = make(name="labelled", path=labelled(tmp_path), batch_size=4)
    with pytest.raises(ConfigError, match="'forecasting'"):
        short.check_evaluation(evaluation("autotcl", protocols=["forecasting"]))
    many = SeriesSvmConfig(folds=26)
    # Too few to choose a penalty by: no folds are made.
    short.check_evaluation(evaluation("autotcl", protocols=["series-svm"], series_svm=many))
    with pytest.raises(ConfigError, match="no validation part"):
        short.check_split("val")


class LastStep(torch.nn.Module):
    """Its representation of a step is the step."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))

    def embed_last(self, x):
        return x[:, -1]


class EachStep(LastStep):
    """Its representation of a step is the step."""

    def embed(self, x):
        return x


def test_short_series_are_embedded_as_the_protocol_is_given_them(tmp_path):
    data = make(name="labelled", path=labelled(tmp_path), batch_size=4)
    expected = data.evaluation_inputs(EachStep(), "test").features("test").float()
    own = tmp_path / "own.npz"
    np.savez(own, x=np.load(tmp_path / "mine.npz")["x_test"])
    found = data.embed_path(EachStep(), own)["embeddings"]
    assert found.shape == (6, 2) and np.array_equal(found, expected.numpy())
    (tmp_path / "own.ts").write_text("@data\n1,2,3:4,5,6:up\n3,1:0,1:down\n")
    found = data.embed_path(EachStep(), tmp_path / "own.ts")
    assert found["embeddings"].shape == (2, 2) and found["labels"].tolist() == ["up", "down"]
    for x, message in (
        (np.zeros((2, 5, 3)), r"the run needs \(num, steps, 2\)"),
        (np.full((2, 5, 2), np.nan), "a series without any value"),
        (np.zeros(3), "needs an array `x`"),
    ):
        np.savez(own, x=x)
        with pytest.raises(DataError, match=message):
            data.embed_path(EachStep(), own)


def test_a_users_series_is_embedded_in_the_runs_units(tmp_path):
    data = make(name="csv", path=csv(tmp_path), batch_size=4, targets=["b"])
    data.load()
    found = data.embed_path(LastStep(), tmp_path / "mine.csv")
    assert np.array_equal(found["embeddings"], data.long.inputs[0, 30:].numpy())
    # A step is known by its date, from the first whole window on.
    lines = (tmp_path / "mine.csv").read_text().splitlines()[31:]
    assert found["ids"].tolist() == [line.split(",")[0] for line in lines]
    (tmp_path / "short.csv").write_text("date,b\n2020-01-01 00:00,1\n2020-01-01 01:00,2\n")
    with pytest.raises(DataError, match="2 steps, but a window has 31"):
        data.embed_path(LastStep(), tmp_path / "short.csv")


def test_another_file_of_a_run_may_have_gaps_and_other_dates(tmp_path):
    data = make(name="csv", path=csv(tmp_path), batch_size=4, targets=["b"])
    data.load()
    whole = data.embed_path(LastStep(), tmp_path / "mine.csv")["embeddings"]
    dates, values = [], []
    for line in (tmp_path / "mine.csv").read_text().splitlines()[1:]:
        date, _, value = line.split(",")
        dates.append(datetime.fromisoformat(date).strftime("%d/%m/%Y %H:%M"))
        values.append(value)
    values[50] = values[49]
    want = "\n".join(["date,b", *map(",".join, zip(dates, values, strict=True))])
    (tmp_path / "gap.csv").write_text(want.replace(f"{dates[50]},{values[50]}", f"{dates[50]},"))
    reading = {"date_format": "%d/%m/%Y %H:%M", "fill": "previous"}
    read_otherwise(SimpleNamespace(data=data), reading, tmp_path / "gap.csv")
    found = data.embed_path(LastStep(), tmp_path / "gap.csv")["embeddings"]
    assert np.array_equal(found[:20], whole[:20]) and np.array_equal(found[21:], whole[21:])
    assert np.array_equal(found[20, -1], whole[19, -1])
    with pytest.raises(ConfigError, match='fill="lin"'):
        read_otherwise(SimpleNamespace(data=data), {"fill": "lin"}, tmp_path / "gap.csv")


def test_columns_that_are_read_apart_follow_each_other(tmp_path):
    data = make(name="csv", path=csv(tmp_path), batch_size=4, targets=["a", "b"], apart=True)
    data.load()
    found = data.embed_path(LastStep(), tmp_path / "mine.csv")
    rows = 2 * (600 - 30)
    assert found["embeddings"].shape[0] == rows == len(found["ids"])
    assert np.array_equal(found["embeddings"][rows // 2 :], data.long.inputs[1, 30:].numpy())
    assert found["columns"].tolist() == ["a"] * (rows // 2) + ["b"] * (rows // 2)


def test_one_changed_digit_of_a_file_changes_the_fingerprint(tmp_path):
    path = Path(csv(tmp_path))
    first, text = make(name="csv", path=str(path), batch_size=4), path.read_text()
    first.load()
    place = len(text) - 5  # in the last value of the test part
    path.write_text(text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :])
    other = make(name="csv", path=str(path), batch_size=4)
    other.load()
    assert other.fingerprint != first.fingerprint


@pytest.mark.parametrize("array", ["x_train", "y_train", "x_test", "y_test"])
def test_one_changed_bit_of_labelled_series_changes_the_fingerprint(array, tmp_path):
    path = labelled(tmp_path)
    first = make(name="labelled", path=path, batch_size=4)
    first.load()
    with np.load(path) as file:
        arrays = {name: file[name].copy() for name in file.files}
    arrays[array].reshape(-1).view(np.uint8)[0] ^= 1
    np.savez(path, **arrays)
    other = make(name="labelled", path=path, batch_size=4)
    other.load()
    assert other.fingerprint != first.fingerprint
