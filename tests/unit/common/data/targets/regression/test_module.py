import numpy as np
import pytest
import torch
from torch import nn

from common.data.images.config import ViewConfig
from common.data.series.readers.windows import cmapss_fd001
from common.data.targets.regression.config import RegressionConfig
from common.data.targets.regression.module import RegressionData
from common.errors import ConfigError, DataError


def build(seed=0, **options):
    data = RegressionData(
        RegressionConfig(**{"name": "diabetes", "batch_size": 32, **options}), seed
    )
    data.load()
    return data


class Flat(nn.Module):
    """Embeds an input as its first two numbers."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def embed(self, x):
        return x.flatten(1)[:, :2] * self.scale


def test_facts_describe_the_training_part():
    data = build()
    facts, labels = data.facts, data.parts["train"].targets
    assert facts.shape == (10,) and facts.num_samples == len(labels) == 358
    assert abs(facts.target_mean - labels.mean()) < 1e-3
    assert facts.target_range == (labels.min(), labels.max())
    assert 200 < facts.batch_range <= float(labels.max() - labels.min())
    assert "358 train, 40 val, 44 test; labels 25 to 346" in data.describe()


def test_tables_are_standardised_by_their_training_part():
    x = build().parts["train"].inputs
    torch.testing.assert_close(x.mean(0), torch.zeros(10), atol=1e-5, rtol=0)
    raw = build(standardise=False).parts["train"].inputs
    assert raw.mean() > 10


def test_the_fingerprint_is_the_same_for_every_split_and_seed():
    assert build().fingerprint == build(seed=3).fingerprint == build(split=2).fingerprint
    assert not torch.equal(build().parts["test"].targets, build(seed=3).parts["test"].targets)


def test_batches_depend_on_seed_and_epoch_and_go_on_in_mid_epoch():
    data = build()
    loader = data.train_dataloader()
    first = [batch.targets for batch in loader]
    assert len(first) == len(loader) == 358 // 32
    loader.sampler.set_epoch(1)
    assert not torch.equal(next(iter(loader)).targets, first[0])
    data = build()
    data.seek(4)
    assert torch.equal(next(iter(data.train_dataloader())).targets, first[4])


def test_views_are_made_on_the_batch():
    data = build(num_views=3)
    batch = next(iter(data.train_dataloader()))
    moved = data.transfer_batch_to_device(batch, torch.device("cpu"), 0)
    assert data.on_after_batch_transfer(moved, 0).inputs.shape == (3, 32, 10)


def test_a_batch_must_fit_the_training_part():
    with pytest.raises(ConfigError, match="diabetes has 358 training samples"):
        build(batch_size=400)


def test_a_users_file_is_called_by_its_path(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("size,price\n" + "".join(f"{i},{i}\n" for i in range(40)))
    own = {"name": "table", "path": str(path), "target": "price"}
    with pytest.raises(ConfigError, match=r"mine\.csv.*32"):
        build(**own, batch_size=33)
    path.write_text("size,price\n" + "".join(f"{i},7\n" for i in range(40)))
    with pytest.raises(DataError, match=r"mine\.csv.*7.*0"):
        build(**own)


def test_labels_that_are_constant_once_thinned_are_refused(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("size,price\n" + "".join(f"{i},{i // 38}\n" for i in range(40)))
    own = {"name": "table", "path": str(path), "target": "price", "batch_size": 2, "split": 0}
    with pytest.raises(DataError, match=r"0.*hold-out"):
        build(**own, num_train=2)


def test_a_table_cannot_be_shifted():
    with pytest.raises(ConfigError, match="have no order to shift along"):
        build(shift=1)


def test_what_is_made_for_images_is_refused_elsewhere():
    view = ViewConfig(count=2, size=8)
    with pytest.raises(ConfigError, match=r"data\.views.*10"):
        build(views=[view], noise=0.0)
    with pytest.raises(ConfigError, match=r"data\.mean"):
        build(mean=[0.5], std=[0.5])
    with pytest.raises(ConfigError, match=r"data\.mean.*3.*1"):
        build(name="rotated-digits", mean=[0.5] * 3, std=[0.5] * 3)
    with pytest.raises(ConfigError, match=r"data\.noise=0 data\.shift=0"):
        RegressionConfig(views=[view], shift=1)
    with pytest.raises(ConfigError, match=r"data\.num_views=3.*data\.views"):
        RegressionConfig(views=[view], noise=0.0, num_views=3)


def test_evaluation_inputs_are_of_the_split_that_is_measured():
    data = build()
    for split in ("val", "test"):
        inputs = data.evaluation_inputs(Flat(), split)
        assert torch.equal(inputs.parts["test"].targets, data.parts[split].targets)
        torch.testing.assert_close(inputs.features("test").float(), data.parts[split].inputs[:, :2])
    assert set(data.references("test")) == set(data.reference_names)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, ["train", "val"]),
        ({"num_train": 60}, ["train"]),
        ({"imbalance": 5.0}, ["train"]),
        ({"name": "rotated-digits", "standardise": False}, ["train"]),
    ],
    ids=["carved", "few", "imbalanced", "own-val"],
)
def test_shots_count_the_hold_out_where_it_was_carved_from_what_is_trained_on(options, names):
    data = build(**options)
    counted = torch.cat([data.parts[name].targets for name in names])
    asked = [data.evaluation_inputs(Flat(), "test"), *data.references("test").values()]
    assert all(torch.equal(inputs.counted_labels(), counted) for inputs in asked)


def test_own_rows_are_embedded_as_the_run_standardised_them(tmp_path):
    data = build()
    path = tmp_path / "rows.csv"
    names = ["bp", "s1", "s2", "s3", "s4", "s5", "s6", "age", "sex", "bmi"]
    scale = data.scale
    path.write_text(
        ",".join(names) + "\n" + "\n".join("1,1,1,1,1,1,1,50,2,20" for _ in range(2)) + "\n"
    )
    embedding = data.embed_path(Flat(), path)["embeddings"]
    expected = (np.array([50, 2]) - scale.mean[:2].numpy()) / scale.std[:2].numpy()
    np.testing.assert_allclose(embedding, [expected, expected], rtol=1e-5)


def write_engines(folder):
    """Two training engines of 6 and 5 cycles, two test engines of 4 and 3; input 0 is the cycle."""

    def rows(unit, cycles):
        return [[unit, c, c, *[unit] * 23] for c in range(1, cycles + 1)]

    target = folder / "timeseries" / "cmapss_fd001"
    target.mkdir(parents=True)
    train = np.array(rows(1, 6) + rows(2, 5), dtype=float)
    test = np.array(rows(1, 4) + rows(2, 3), dtype=float)
    np.savez(target / "fd001.npz", train=train, test=test, rul_test=np.array([7, 90]))


def test_engine_windows_are_labelled_with_the_cycles_left(tmp_path):
    write_engines(tmp_path)
    options = {"name": "cmapss-fd001", "root": str(tmp_path), "window": 3, "label_cap": 50.0}
    found = cmapss_fd001(RegressionConfig(**options))
    assert found.inputs.shape == (4 + 3 + 2, 24, 3)
    assert found.targets.tolist() == [3, 2, 1, 0, 2, 1, 0, 7, 50]
    assert found.splits[0].tolist() == [0] * 7 + [2] * 2
    assert found.inputs[1, 0].tolist() == [2, 3, 4]
    assert found.inputs[-2, 0].tolist() == [2, 3, 4]  # the last three cycles of test engine 1
    with pytest.raises(ConfigError, match=r"data\.window=4.*3"):
        cmapss_fd001(RegressionConfig(**{**options, "window": 4}))
