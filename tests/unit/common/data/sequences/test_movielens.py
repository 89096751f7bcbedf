import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from common.data.catalogue.packers.arrays import pack_files
from common.data.catalogue.sources import get_source
from common.data.sequences.config import SequenceConfig
from common.data.sequences.module import SequenceData
from common.data.sequences.readers.sets import movielens

ROOT = os.environ.get("LIKEWISE_DATA")
HEADER = "userId,movieId,rating,timestamp\n"
# Six users of five movies, the last first, all of the greatest numbers at one time.
TIMES = {11: 1_000_000_000, 12: 1_000_000_000, 13: 999_999_999, 14: 30, 15: 8}
ROWS = [f"{user},{movie},3.5,{TIMES[movie]}\n" for user in range(6) for movie in range(11, 16)]
RARE = [f"{user},900,1.0,5\n" for user in range(4)] + ["7,11,1.0,5\n", "7,12,1.0,6\n"]


def config(folder: Path) -> SequenceConfig:
    return SequenceConfig(name="ml-latest-small", root=str(folder), batch_size=4)


def test_the_set_is_the_five_core_in_order_of_time_ties_in_file_order(tmp_path):
    path = tmp_path / "recsys/ml-latest-small/ratings.csv.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(gzip.compress("".join([HEADER, *ROWS, *RARE]).encode()))
    data = SequenceData(config(tmp_path), 0)
    assert data.describe().startswith("ml-latest-small, 5-core: 6 users, 5 items, 30 actions")
    assert data.sequences.items[:5].tolist() == [5, 4, 3, 1, 2]
    assert data.sequences.item_ids.tolist() == [11, 12, 13, 14, 15]


def test_what_the_packer_writes_is_what_is_read(tmp_path):
    (tmp_path / "ml-latest-small").mkdir()
    for name in ("README.txt", "movies.csv", "ratings.csv"):
        (tmp_path / "ml-latest-small" / name).write_text("".join([HEADER, *ROWS]))
    source = get_source("ml-latest-small")
    assert source.originals[0].url.startswith("https://files.grouplens.org/datasets/movielens/")
    for path, content in pack_files(tmp_path, [item.path for item in source.files]).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    assert np.array_equal(movielens(config(tmp_path)).lengths, [5] * 6)


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
