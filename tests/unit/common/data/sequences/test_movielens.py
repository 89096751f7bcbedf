import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from common.data.catalogue.packers.files import pack_files
from common.data.catalogue.sources import get_source
from common.data.sequences.config import SequenceConfig
from common.data.sequences.module import SequenceData
from common.data.sequences.readers.movielens import read_ratings
from common.errors import DataError

ROOT = os.environ.get("LIKEWISE_DATA")
HEADER = "userId,movieId,rating,timestamp\n"
RATINGS = HEADER + "1,10,4.0,30\n1,30,0.5,10\n1,50,5.0,30\n2,10,3.0,7\n2,30,3.0,8\n2,50,1.0,6\n"


def write(folder, text):
    path = folder / "ratings.csv.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()))
    return path


def test_ratings_become_sequences_in_order_of_time_ties_in_file_order(tmp_path):
    sequences = read_ratings(write(tmp_path, RATINGS), "ml")
    parts = np.split(sequences.items, sequences.offsets[1:-1])
    assert [part.tolist() for part in parts] == [[30, 10, 50], [50, 10, 30]]


def test_stamps_are_compared_as_numbers(tmp_path):
    text = HEADER + "1,1,4,999999999\n1,2,4,1000000000\n1,3,4,8\n"
    assert read_ratings(write(tmp_path, text), "ml").items.tolist() == [3, 1, 2]


def test_the_set_is_the_five_core_with_movies_renumbered(tmp_path):
    rows = [f"{user},{movie},3.5,{100 - movie}\n" for user in range(6) for movie in range(11, 16)]
    rows += [f"{user},900,1.0,5\n" for user in range(4)] + ["7,11,1.0,5\n", "7,12,1.0,6\n"]
    write(tmp_path / "recsys/ml-latest-small", HEADER + "".join(rows))
    config = SequenceConfig(name="ml-latest-small", root=str(tmp_path), batch_size=4)
    data = SequenceData(config, 0)
    assert data.describe().startswith("ml-latest-small, 5-core: 6 users, 5 items, 30 actions")
    assert data.sequences.items[:5].tolist() == [5, 4, 3, 2, 1]
    assert data.sequences.item_ids.tolist() == [11, 12, 13, 14, 15]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "ratings.csv.gz:1.*''"),
        ("1,10,4.0,30\n", "ratings.csv.gz:1.*'1,10,4.0,30'"),
        (RATINGS + "3,10,4.0\n", "ratings.csv.gz:8.*3.*4"),
        (RATINGS + "\n", "ratings.csv.gz:8.*1.*4"),
        (RATINGS + "3,x,4.0,1\n", "ratings.csv.gz:8.*'x'"),
        (RATINGS + "3,1,4.0,soon\n", "ratings.csv.gz:8.*'soon'"),
        (RATINGS + "3,1,4.0,nan\n", "ratings.csv.gz:8.*'nan'"),
        (RATINGS + "3,0,4.0,1\n", "ratings.csv.gz:8.*3.*0.*1"),
    ],
)
def test_errors_name_file_and_line(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read_ratings(write(tmp_path, text), "ml")


def test_what_the_packer_writes_is_what_is_read(tmp_path):
    (tmp_path / "ml-latest-small").mkdir()
    for name in ("README.txt", "movies.csv", "ratings.csv"):
        (tmp_path / "ml-latest-small" / name).write_text(RATINGS)
    source = get_source("ml-latest-small")
    assert source.originals[0].url.startswith("https://files.grouplens.org/datasets/movielens/")
    for path, content in pack_files(tmp_path, [item.path for item in source.files]).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    read = read_ratings(tmp_path / "recsys/ml-latest-small/ratings.csv.gz", "ml")
    assert read.fingerprint() == read_ratings(write(tmp_path, RATINGS), "ml").fingerprint()


@pytest.mark.skipif(
    not ROOT or not Path(ROOT, "recsys/ml-latest-small").is_dir(),
    reason="LIKEWISE_DATA is not set or holds no recsys/ml-latest-small",
)
def test_the_published_set_has_the_documented_counts():
    data = SequenceData(SequenceConfig(name="ml-latest-small"), 0)
    assert data.describe() == (
        "ml-latest-small, 5-core: 610 users, 3,650 items, 90,274 actions, 88,444 training prefixes"
    )
    assert data.fingerprint == "86f1d3dc66edb430"
