import numpy as np
import pytest
import torch

from common.data.catalogue.root import data_root
from common.data.series.config import SeriesConfig
from common.data.series.readers.labelled import archived, own_labelled, read_npz, read_ts
from common.data.series.sets import LabelledSeries, check_labelled, scale_labelled
from common.errors import DataError

TS = """# a comment
@problemName Small
@timestamps false
@classLabel true up down
@data
1,2,3:4,5,6:up
1,?:0,1:down
"""


def arrays(**changes):
    x = np.arange(24, dtype=np.float32).reshape(3, 4, 2)
    y = np.array([0, 1, 0], dtype=np.int16)
    found = {"x_train": x, "y_train": y, "x_test": x[:2], "y_test": y[:2]}
    return {**found, **changes}


def test_ts_files_are_read_as_a_pair(tmp_path):
    for part in ("TRAIN", "TEST"):
        (tmp_path / f"Small_{part}.ts").write_text(TS)
    found = own_labelled(SeriesConfig(name="labelled", path=str(tmp_path / "Small_TRAIN.ts")))
    assert found.class_names == ("down", "up") and found.y["train"].tolist() == [1, 0]
    x = found.x["test"]
    assert x.shape == (2, 3, 2) and x[0].tolist() == [[1, 4], [2, 5], [3, 6]]
    # A gap and the missing end of the shorter series.
    assert x[1].isnan().tolist() == [[False, False], [True, False], [True, True]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TS.replace("4,5,6:up", "4,x,6:up"), "line 6.*'x'"),
        (TS + "1,2:up\n", "line 8.*1.*2"),
        (TS.replace("timestamps false", "timestamps true"), "line 3"),
        (TS.replace("1,2,3:4,5,6:up", "1,2,3"), "line 6"),
        (TS.replace("true up down", "false"), "line 4"),
        ("@targetLabel  true\n" + TS, "line 1"),
        ("@data\n", "no series after @data"),
    ],
)
def test_broken_ts_files_are_named_with_their_line(text, message, tmp_path):
    path = tmp_path / "Small_TRAIN.ts"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_ts(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_train": np.zeros((3, 4))}, "x_train.*3.*4"),
        ({"y_train": np.zeros(2, dtype=int)}, "y_train.*2"),
        ({"y_test": np.zeros(2)}, "y_test"),
        ({"class_names": np.array(["a"])}, "1.*class_names.*1"),
        (
            {"y_train": np.array([-1, 1, -1]), "class_names": np.array(["a", "b"])},
            "-1.*class_names.*2.*0",
        ),
    ],
)
def test_broken_arrays_are_named(changes, message, tmp_path):
    np.savez(tmp_path / "mine.npz", **arrays(**changes))
    with pytest.raises(DataError, match=message):
        read_npz(tmp_path / "mine.npz")


def test_the_part_with_shorter_series_is_padded(tmp_path):
    x = np.ones((2, 6, 2), dtype=np.float32)
    np.savez(tmp_path / "mine.npz", **arrays(x_test=x))
    found = read_npz(tmp_path / "mine.npz").x
    assert found["train"].shape == (3, 6, 2) and torch.equal(found["test"], torch.ones(2, 6, 2))
    assert found["train"].isnan().sum((0, 2)).tolist() == [0, 0, 0, 0, 6, 6]


@pytest.mark.parametrize("labels", [(-1, 1), (1, 2), (0, 7)])
def test_class_numbers_without_names_are_any_whole_numbers(labels, tmp_path):
    low, high = labels
    y = {"y_train": np.array([high, low, high]), "y_test": np.array([low, high])}
    np.savez(tmp_path / "mine.npz", **arrays(**y))
    found = read_npz(tmp_path / "mine.npz")
    assert found.class_names == (str(low), str(high))
    assert found.y["train"].tolist() == [1, 0, 1] and found.y["test"].tolist() == [0, 1]
    assert found.y["train"].dtype == torch.int64


def test_a_file_may_be_named_in_capitals(tmp_path):
    np.savez(tmp_path / "mine.npz", **arrays())
    path = (tmp_path / "mine.npz").rename(tmp_path / "MINE.NPZ")
    assert len(own_labelled(SeriesConfig(name="labelled", path=str(path))).x["train"]) == 3


def test_a_missing_array_or_file_is_named(tmp_path):
    np.savez(tmp_path / "mine.npz", x_train=np.zeros((1, 2, 3)))
    with pytest.raises(DataError, match=r"y_train.*x_train"):
        read_npz(tmp_path / "mine.npz")
    with pytest.raises(DataError, match="no such file"):
        read_npz(tmp_path / "none.npz")
    with pytest.raises(DataError, match=r"NAME_TRAIN\.ts"):
        own_labelled(SeriesConfig(name="labelled", path=str(tmp_path / "mine.arff")))


def test_channels_are_scaled_on_what_training_has():
    x = torch.tensor([[[1.0, 5.0], [3.0, 5.0]], [[5.0, 5.0], [torch.nan, torch.nan]]])
    found = LabelledSeries({"train": x, "test": x + 2}, {}, ())
    scaled = scale_labelled(found)
    known = scaled["train"][..., 0].flatten()[:3]
    torch.testing.assert_close(known.mean(), torch.tensor(0.0))
    torch.testing.assert_close(known.std(correction=0), torch.tensor(1.0))
    # What is constant and what is missing become 0.
    assert not scaled["train"][..., 1].any() and scaled["train"][1, 1, 0] == 0
    torch.testing.assert_close(scaled["test"][0, 0, 0], known[1])


def test_sets_that_cannot_be_learnt_from_are_refused():
    x = {"train": torch.zeros(2, 3, 1), "test": torch.zeros(1, 3, 1)}
    one = {"train": torch.tensor([0, 0]), "test": torch.tensor([0])}
    with pytest.raises(DataError, match="of one class"):
        check_labelled(LabelledSeries(x, one, ("a",)), "mine")
    other = {"train": torch.tensor([0, 1]), "test": torch.tensor([2])}
    with pytest.raises(DataError, match="no training series of the tested class c"):
        check_labelled(LabelledSeries(x, other, ("a", "b", "c")), "mine")
    wide = {**x, "test": torch.zeros(1, 3, 2)}
    with pytest.raises(DataError, match=r"'test'.*2.*1"):
        check_labelled(LabelledSeries(wide, one, ("a",)), "mine")
    empty = {**x, "train": torch.full((2, 3, 1), torch.nan)}
    with pytest.raises(DataError, match="a series without any value"):
        check_labelled(LabelledSeries(empty, other, ("a", "b", "c")), "mine")


def test_the_archive_is_read():
    if not (data_root() / "timeseries/uea_ucr/JapaneseVowels.npz").is_file():
        pytest.skip("JapaneseVowels is not in the data root (LIKEWISE_DATA)")
    found = archived(SeriesConfig(name="japanese-vowels"))
    assert found.x["train"].shape == (270, 29, 12) and len(found.class_names) == 9
    check_labelled(found, "japanese-vowels")
