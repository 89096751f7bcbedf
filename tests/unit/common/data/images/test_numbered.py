import numpy as np
import pytest
import torch
from PIL import Image

from common.data.images.config import ViewConfig
from common.data.images.readers.numbered import read_numbered
from common.data.targets.regression.config import RegressionConfig
from common.data.targets.regression.module import RegressionData
from common.data.targets.regression.samples import TEST, TRAIN, VAL
from common.errors import ConfigError, DataError

NUM = 30
SPLITS = ["train"] * 20 + ["val"] * 5 + ["test"] * 5


def write(folder, splits=SPLITS, name="agedb.csv", column="split"):
    """Writes images whose red is their label and a CSV as the authors' loaders expect."""
    (folder / "faces").mkdir(parents=True)
    lines = ["age,path" + (f",{column}" if splits else "")]
    for row in range(NUM):
        image = np.zeros((12, 10, 3), np.uint8)
        image[..., 0] = 5 * row
        Image.fromarray(image).save(folder / "faces" / f"{row}.png")
        lines.append(f"{row},faces/{row}.png" + (f",{splits[row]}" if splits else ""))
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


def make_data(path, **options):
    config = {"name": "image-table", "path": str(path), "target": "age", "batch_size": 10}
    return RegressionData(RegressionConfig(**{**config, "size": 8, **options}), 0)


@pytest.mark.parametrize("column", ["split", "Split"])
def test_images_labels_and_splits_belong_together(tmp_path, column):
    own = [name.title() for name in SPLITS] if column == "Split" else SPLITS
    found = read_numbered(write(tmp_path, own, column=column), "age", 8)
    assert found.inputs.shape == (NUM, 3, 8, 8) and found.inputs.dtype == torch.uint8
    assert torch.equal(found.inputs[:, 0, 4, 4].double(), 5 * found.targets)
    roles = {"train": TRAIN, "val": VAL, "test": TEST}
    assert found.splits[0].tolist() == [roles[name] for name in SPLITS]


def test_without_a_column_of_splits_they_are_fixed_random_ones(tmp_path):
    assert read_numbered(write(tmp_path, splits=None), "age", 8).splits.shape == (10, NUM)


@pytest.mark.parametrize("name", ["agedb", "imdb-wiki"])
def test_the_published_layouts_lie_in_the_data_root(tmp_path, name):
    write(tmp_path / name, name=f"{name.replace('-', '_')}.csv")
    data = RegressionData(
        RegressionConfig(name=name, root=str(tmp_path), size=8, batch_size=10), seed=3
    )
    assert data.facts.shape == (3, 8, 8) and data.facts.num_samples == 20
    with pytest.raises(DataError, match="missing"):
        RegressionData(RegressionConfig(name=name, root=str(tmp_path / "none")), 0).load()


def test_views_are_those_of_image_papers_normalised(tmp_path):
    view = ViewConfig(count=2, size=6, area=[0.5, 1.0], flip=0.5)
    options = {"views": [view], "noise": 0.0, "mean": [0.5] * 3, "std": [0.5] * 3}
    data = make_data(write(tmp_path), **options)
    assert data.config.total_views == 2
    batch = next(iter(data.train_dataloader()))
    assert batch.inputs.dtype == torch.uint8
    made = data.on_after_batch_transfer(batch, 0).inputs
    assert made.shape == (2, 10, 3, 6, 6)
    # Green is 0 everywhere, red the label.
    torch.testing.assert_close(made[:, :, 1], torch.full_like(made[:, :, 1], -1.0))
    expected = (5 * batch.targets / 255 - 0.5) / 0.5
    torch.testing.assert_close(made[0, :, 0, 3, 3], expected, atol=1e-5, rtol=0)


def test_images_are_evaluated_in_floats_and_whole(tmp_path):
    class Mean(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(()))

        def embed(self, x):
            assert x.shape[1:] == (3, 8, 8)
            return x.mean((2, 3)) * self.scale

    data = make_data(write(tmp_path), noise=0.0)
    features = data.evaluation_inputs(Mean(), "test").features("test")
    labels = data.parts["test"].targets.double()
    torch.testing.assert_close(features[:, 0], 5 * labels / 255, atol=1e-6, rtol=0)
    raw = data.references("test")["raw"].features("train")
    assert raw.shape == (20, 192) and raw.max() <= 1
    views = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0).inputs
    assert views.dtype == torch.float32 and views.max() <= 1


def test_what_is_wrong_is_named(tmp_path):
    path = write(tmp_path)
    text = path.read_text()
    path.write_text(text.replace("3,faces/3.png,train", "3,faces/3.png,teaching"))
    with pytest.raises(DataError, match=r'line 5.*"teaching"'):
        read_numbered(path, "age", 8)
    path.write_text(text.replace("age,path", "age,file"))
    with pytest.raises(DataError, match="'path'"):
        read_numbered(path, "age", 8)
    path.write_text(text.replace("faces/7.png", "faces/none.png"))
    with pytest.raises(DataError, match=r"none\.png"):
        read_numbered(path, "age", 8)
    path.write_text(text)
    (tmp_path / "faces" / "2.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"2\.png"):
        read_numbered(path, "age", 8)


def test_views_must_be_of_one_size():
    with pytest.raises(ConfigError, match="views must be of one size"):
        RegressionConfig(views=[ViewConfig(size=8), ViewConfig(size=16)], noise=0.0)
