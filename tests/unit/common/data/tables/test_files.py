import gzip

import numpy as np
import pytest
import torch
from PIL import Image

from common.data.tables.readers.files import diabetes, packed, read_table
from common.data.targets.regression.config import RegressionConfig
from common.data.targets.regression.module import RegressionData
from common.data.targets.regression.readers.own import read_inputs
from common.data.targets.regression.samples import TEST, TRAIN, VAL
from common.errors import ConfigError, DataError

TEXT = "size,colour,price\n1,red,10\n2,blue,12.5\n3,red,9\n4,green,20\n"


def write(folder, text=TEXT, name="table.csv"):
    path = folder / name
    path.write_text(text)
    return path


def test_a_table_of_ones_own(tmp_path):
    found = read_table(write(tmp_path), "price", ["colour"], [])
    assert found.columns == ("size", "colour=blue", "colour=green", "colour=red")
    assert found.inputs.tolist() == [[1, 0, 0, 1], [2, 1, 0, 0], [3, 0, 0, 1], [4, 0, 1, 0]]
    assert found.targets.tolist() == [10, 12.5, 9, 20]


def test_columns_may_be_left_out_and_files_gzipped(tmp_path):
    path = tmp_path / "table.csv.gz"
    path.write_bytes(gzip.compress(("\ufeff" + TEXT).encode()))
    found = read_table(path, "size", [], ["colour"])
    assert found.columns == ("price",) and found.targets.tolist() == [1, 2, 3, 4]


def test_a_column_split_says_what_is_tested_and_is_no_input(tmp_path):
    rows = zip(TEXT.splitlines(), ("Split", "train", "test", "Dev", "train"), strict=True)
    path = write(tmp_path, "\n".join(map(",".join, rows)))
    found = read_table(path, "price", ["colour"], [])
    assert found.splits.tolist() == [[TRAIN, TEST, VAL, TRAIN]]
    assert "Split" not in found.columns and found.inputs.shape == (4, 4)
    assert len(read_table(path, "price", ["colour"], ["Split"]).splits) == 10
    kinds = read_table(path, "price", ["colour", "Split"], [])
    assert "Split=Dev" in kinds.columns and len(kinds.splits) == 10
    path.write_text(path.read_text().replace("Dev", "Validation"))
    assert read_table(path, "price", ["colour"], []).splits.tolist() == [[TRAIN, TEST, VAL, TRAIN]]
    path.write_text(path.read_text().replace("Validation", "later"))
    with pytest.raises(DataError, match='line 4: split "later" is none of train, '):
        read_table(path, "price", ["colour"], [])


@pytest.mark.parametrize(
    ("text", "target", "message"),
    [
        (TEXT, "prise", "'prise'.*'price'"),
        (TEXT, "price", "line 2.*'colour'.*red"),
        (TEXT, "colour", "line 2.*'colour'.*red"),
        (TEXT.replace("12.5", "n/a"), "price", "line 3.*'price'.*n/a"),
        (TEXT.replace("12.5", "nan"), "price", "line 3.*'price'.*nan"),
        (TEXT.replace("12.5", ""), "price", "line 3.*'price'"),
        (TEXT + "5,red\n", "price", "line 6.*2.*3"),
        ("price\n1\n2\n", "price", "'price'"),
        ("size,price\n1,2\n", "price", "rows"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, target, message):
    path = write(tmp_path, text)
    with pytest.raises(DataError, match=message) as raised:
        read_table(path, target, [], [])
    assert str(path) in str(raised.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_table(tmp_path / "none.csv", "price", [], [])


def test_own_tables_need_path_and_target_and_others_take_neither():
    with pytest.raises(ConfigError, match=r"data\.path.*data.name=table"):
        RegressionConfig(name="table", target="price")
    with pytest.raises(ConfigError, match=r"data\.target"):
        RegressionConfig(name="table", path="x.csv")
    with pytest.raises(ConfigError, match=r"data\.target"):
        RegressionConfig(name="diabetes", target="price")
    with pytest.raises(ConfigError, match="'price'"):
        RegressionConfig(name="table", path="x.csv", target="price", drop=["price"])


def test_constant_targets_are_refused_before_training(tmp_path):
    lines = "\n".join(f"{i},4" for i in range(50))
    path = write(tmp_path, "size,price\n" + lines + "\n")
    config = RegressionConfig(name="table", path=str(path), target="price", batch_size=8)
    with pytest.raises(DataError, match="all training labels are 4"):
        RegressionData(config, 0).load()


def test_own_rows_are_embedded_by_the_columns_of_the_run(tmp_path):
    config = RegressionConfig(name="table", path="x.csv", target="price", categorical=["colour"])
    columns = ("size", "colour=blue", "colour=red")
    path = write(tmp_path, "colour,size\nblue,3\nred,4\nwhite,5\n")
    found, known = read_inputs(path, (3,), columns, config)
    assert known == {} and found.tolist() == [[3, 1, 0], [4, 0, 1], [5, 0, 0]]
    path = write(tmp_path, "id,colour,size,price\nx7,blue,3,2.5\n08,red,4,\n")
    _, known = read_inputs(path, (3,), columns, config)
    assert known["ids"].tolist() == ["x7", "08"]
    np.testing.assert_array_equal(known["labels"], [2.5, np.nan])
    with pytest.raises(DataError, match="'size'"):
        read_inputs(write(tmp_path, "colour,sise\nred,3\nred,4\n"), (3,), columns, config)


def test_own_arrays_must_have_the_shape_of_the_run(tmp_path):
    path = tmp_path / "own.npz"
    np.savez(path, x=np.ones((2, 3)))
    config = RegressionConfig()
    assert read_inputs(path, (3,), (), config)[0].shape == (2, 3)
    for shape, message in (((4,), "the run needs"), ((1, 3), "the run needs")):
        with pytest.raises(DataError, match=message):
            read_inputs(path, shape, (), config)
    np.savez(path, x=np.full((2, 3), np.nan))
    with pytest.raises(DataError, match="x holds NaN"):
        read_inputs(path, (3,), (), config)
    np.savez(path, y=np.ones(3))
    with pytest.raises(DataError, match="no array `x`; it holds y"):
        read_inputs(path, (3,), (), config)


def test_packed_tables_bring_their_splits(tmp_path):
    config = RegressionConfig(name="wine-red", root=str(tmp_path))
    with pytest.raises(DataError, match="missing"):
        packed(config)
    (tmp_path / "tabular").mkdir()
    path = tmp_path / "tabular" / "wine_red.npz"
    mask = np.array([[True, False, False], [False, True, False]])
    np.savez(path, x=np.eye(3), y=np.arange(3.0), test_mask=mask)
    found = packed(config)
    assert torch.equal(found.splits == TEST, torch.from_numpy(mask))
    np.savez(path, x=np.eye(3), y=np.arange(3.0))
    with pytest.raises(DataError, match=r"wine_red.npz.*`test_mask`"):
        packed(config)
    path.write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(DataError, match=r"wine_red.npz"):
        packed(config)


def test_diabetes_is_embedded_in_label_units():
    found = diabetes(RegressionConfig(name="diabetes"))
    assert found.inputs.shape == (442, 10) and found.columns[:2] == ("age", "sex")
    assert (found.targets.min(), found.targets.max()) == (25, 346)
    assert found.splits.shape == (10, 442)


def test_images_of_a_folder_or_a_table_are_embedded_at_the_size_of_the_run(tmp_path):
    for number, name in enumerate(("b.png", "a.png")):
        Image.fromarray(np.full((9, 7, 3), 50 * number, np.uint8)).save(tmp_path / name)
    config = RegressionConfig(name="image-table", path="x.csv", target="age", size=4)
    found, known = read_inputs(tmp_path, (3, 4, 4), (), config)
    assert found.shape == (2, 3, 4, 4) and known["ids"].tolist() == ["a.png", "b.png"]
    path = write(tmp_path, "Path,age\nb.png,30\na.png,\n")
    listed, known = read_inputs(path, (3, 4, 4), (), config)
    assert torch.equal(listed, found.flip(0)) and known["ids"].tolist() == ["b.png", "a.png"]
    np.testing.assert_array_equal(known["labels"], [30, np.nan])
