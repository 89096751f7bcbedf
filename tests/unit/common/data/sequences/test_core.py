import os

import numpy as np
import pytest
import torch

from common.data.sequences.config import SequenceConfig
from common.data.sequences.module import SequenceData
from common.data.sequences.store import k_core, pack
from common.errors import DataError
from papers.mclrec.config import MCLRecConfig
from papers.mclrec.module import MCLRec

ROOT = os.environ.get("LIKEWISE_DATA")
# Item 5 occurs twice and user d is short: without them item 9 occurs twice, so c is short too.
USERS = [[5, 2, 7, 8], [8, 7, 2], [2, 9, 7, 9], [8, 9]]


def lists(sequences):
    return [part.tolist() for part in np.split(sequences.items, sequences.offsets[1:-1])]


def by_hand(users, fewest):
    """One user or item at a time, in whatever order: the core is the same."""
    users = [list(items) for items in users]
    while True:
        flat = [item for items in users for item in items]
        rare = [item for item in flat if flat.count(item) < fewest]
        short = [items for items in users if len(items) < fewest]
        if rare:
            users = [[item for item in items if item != rare[0]] for items in users]
        elif short:
            users.remove(short[0])
        else:
            return users


def test_a_dropped_user_takes_items_with_it_and_these_take_users():
    sequences = pack("own", [*USERS, [2, 7, 8]], list("abcde"), fewest=1)
    cut = k_core(sequences, 3)
    assert lists(cut) == [[1, 2, 3], [3, 2, 1], [1, 2, 3]]
    assert cut.num_items == 3 and cut.item_ids.tolist() == [2, 7, 8]
    assert cut.name == "own, 3-core"


@pytest.mark.parametrize("fewest", [3, 5, 8])
def test_the_core_is_that_of_dropping_one_by_one(fewest):
    rng = np.random.default_rng(0)
    users = [(1 + rng.zipf(1.3, rng.integers(1, 20)) % 30).tolist() for _ in range(40)]
    cut = k_core(pack("own", users, [""] * 40, fewest=1), fewest)
    assert [cut.item_ids[np.array(items) - 1].tolist() for items in lists(cut)] == by_hand(
        users, fewest
    )


def test_a_core_of_a_core_knows_the_first_ids():
    users = [[9, 4, 2, 9, 4], [4, 9, 4, 9], [4, 9, 4, 9, 2], [9, 4, 9, 2, 4], [6, 4, 1]]
    sequences = pack("own", users, list("abcde"))
    once = k_core(sequences, 3)
    twice = k_core(once, 4)
    assert once.item_ids.tolist() == [2, 4, 9] and twice.item_ids.tolist() == [4, 9]
    assert twice.fingerprint() == k_core(sequences, 4).fingerprint()


def test_an_empty_core_is_refused():
    with pytest.raises(DataError, match=r"data.core.*4"):
        k_core(pack("own", USERS, list("abcd"), fewest=1), 4)


def test_the_option_cuts_any_set_and_lets_short_users_through_to_the_cut(tmp_path):
    path = tmp_path / "own.txt"
    path.write_text("a 5 2 7 8\nb 8 7 2\nc 2 7\nd 8\ne 2 7 8 2 7 8\n")
    data = SequenceData(SequenceConfig(name="file", path=str(path), core=3, batch_size=2), 0)
    data.load()
    assert lists(data.sequences) == [[1, 2, 3], [3, 2, 1], [1, 2, 3, 1, 2, 3]]
    assert data.describe().startswith("file, 3-core: 3 users, 3 items, 12 actions")
    dense = SequenceData(SequenceConfig(num_users=400, core=4, batch_size=2), 0)
    dense.load()
    assert np.bincount(dense.sequences.items)[1:].min() >= 4


def test_own_data_are_embedded_under_the_ids_of_the_source(tmp_path):
    path = tmp_path / "own.txt"
    path.write_text("a 5 2 7 8\nb 8 7 2\ne 2 7 8 2 7 8\n")
    data = SequenceData(SequenceConfig(name="file", path=str(path), core=3, batch_size=2), 0)
    module = MCLRec(MCLRecConfig(dim=8, inner_dim=8, dropout=0.0), None, data.facts).eval()
    (tmp_path / "mine.txt").write_text("x 8 2\n")
    rows = data.embed_path(module, tmp_path / "mine.txt")["embeddings"]
    with torch.no_grad():
        wanted = module.embed(torch.tensor([[3, 1]]), torch.tensor([2])).numpy()
    np.testing.assert_allclose(rows, wanted, atol=1e-6)
    (tmp_path / "mine.txt").write_text("x 8 2\ny 5 2\n")
    with pytest.warns(UserWarning, match=r"know are left out: 1, such as 5\. A"):
        found = data.embed_path(module, tmp_path / "mine.txt")
    assert found["ids"].tolist() == ["x", "y"]
    with torch.no_grad():
        wanted = module.embed(torch.tensor([[3, 1], [1, 0]]), torch.tensor([2, 1])).numpy()
    np.testing.assert_allclose(found["embeddings"], wanted, atol=1e-6)
    # A user without any other is left out, and a file without any is refused.
    (tmp_path / "mine.txt").write_text("x 8 2\ny 5\n")
    with pytest.warns(UserWarning, match="such as 5; and users who have no others: 1"):
        assert data.embed_path(module, tmp_path / "mine.txt")["ids"].tolist() == ["x"]
    (tmp_path / "mine.txt").write_text("y 5 9\n")
    with pytest.raises(DataError, match="the run knows none of its items, such as 5"):
        data.embed_path(module, tmp_path / "mine.txt")
