import numpy as np
import pytest
import torch

from common.data.targets.regression.config import RegressionConfig
from common.data.targets.regression.module import RegressionData
from common.data.targets.regression.samples import measure_scale
from common.data.volumes.readers.files import own_volumes
from common.errors import ConfigError, DataError
from common.registry import SAMPLE_BACKBONES

NUM = 24


def write(folder, shape=(6, 5, 4), splits=False):
    lines = ["age,path" + (",split" if splits else "")]
    for row in range(NUM):
        np.save(folder / f"{row}.npy", np.full(shape, row, np.int16))
        lines.append(f"{20 + row},{row}.npy" + (",train" if splits and row < 20 else ""))
        if splits and row >= 20:
            lines[-1] += ",val" if row < 22 else ",test"
    (folder / "ages.csv").write_text("\n".join(lines) + "\n")
    return folder / "ages.csv"


def read_volumes(path, target):
    return own_volumes(RegressionConfig(name="volume-table", path=str(path), target=target))


def test_volumes_labels_and_splits_belong_together(tmp_path):
    found = read_volumes(write(tmp_path, splits=True), "age")
    assert found.inputs.shape == (NUM, 1, 6, 5, 4) and found.inputs.dtype == torch.float32
    assert torch.equal(found.inputs[:, 0, 0, 0, 0].double(), found.targets - 20)
    assert found.splits[0].bincount().tolist() == [20, 2, 2]


def test_channels_stay_and_are_standardised_each_by_itself(tmp_path):
    path = write(tmp_path, (2, 3, 3, 3))
    found = read_volumes(path, "age")
    assert found.inputs.shape == (NUM, 2, 3, 3, 3) and found.splits.shape == (10, NUM)
    found.inputs[:, 1] *= 10
    scaled = measure_scale(found.inputs).apply(found.inputs)
    torch.testing.assert_close(scaled[:, 0], scaled[:, 1])
    torch.testing.assert_close(scaled[:, 0].std(correction=0), torch.ones(()))


def test_views_are_made_and_the_backbone_takes_them(tmp_path):
    config = RegressionConfig(
        name="volume-table",
        path=str(write(tmp_path)),
        target="age",
        batch_size=8,
        shift=1,
        noise=0.0,
    )
    data = RegressionData(config, 0)
    assert data.facts.shape == (1, 6, 5, 4)
    batch = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
    assert batch.inputs.shape == (2, 8, 1, 6, 5, 4)
    backbone = SAMPLE_BACKBONES.get("small_volume")(channels=1, width=2)
    assert backbone(batch.inputs[0]).shape == (8, 128)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((5, 5, 4)), r"shape \(1, 5, 5, 4\), the first volume has \(1, 6, 5, 4\)"),
        (np.zeros((5, 5)), r"has shape \(5, 5\), not \(depth, height, width\)"),
        (np.array([["a"]]), "no .npy of numbers"),
        (np.array([{}]), "not a numpy file of plain numbers"),
    ],
)
def test_volumes_that_do_not_fit_are_named(tmp_path, array, message):
    path = write(tmp_path)
    np.save(tmp_path / "3.npy", array, allow_pickle=True)
    with pytest.raises(DataError, match=rf"3\.npy.*{message}"):
        read_volumes(path, "age")


def test_missing_files_columns_and_settings_are_named(tmp_path):
    path = write(tmp_path)
    with pytest.raises(DataError, match="'weight'"):
        read_volumes(path, "weight")
    (tmp_path / "7.npy").unlink()
    with pytest.raises(DataError, match=r"line 9.*7\.npy"):
        read_volumes(path, "age")
    with pytest.raises(ConfigError, match=r"data\.target"):
        RegressionConfig(name="volume-table", path=str(path))
