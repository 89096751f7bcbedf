import gzip
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from common.data.sequences.config import SequenceConfig
from common.data.sequences.module import SequenceData
from common.errors import DataError, UsageError
from common.runs.loading import read_otherwise
from papers.mclrec.config import MCLRecConfig
from papers.mclrec.module import MCLRec

INTER = "user_id:token\titem_id:token\ttimestamp:float\nann\t3\t2\nbob\t4\t1\nann\t2\t1\n"


@pytest.fixture(scope="module")
def data():
    return SequenceData(SequenceConfig(num_users=60, batch_size=32, max_length=4), seed=0)


@pytest.fixture(scope="module")
def module(data):
    torch.manual_seed(0)
    return MCLRec(MCLRecConfig(dim=8, inner_dim=8), None, data.facts)


def expected(module, items):
    module.eval()
    with torch.no_grad():
        return module.embed(torch.tensor([items]), torch.tensor([len(items)]))[0].numpy()


def test_users_are_encoded_from_all_their_actions(tmp_path, data, module):
    path = tmp_path / "mine.txt"
    path.write_text("u7 1 2 3 4 5 6\n\n9 3\n")
    module.train()
    arrays = data.embed_path(module, path)
    assert module.training and arrays["ids"].tolist() == ["u7", "9"]
    # Of the first user the latest four.
    rows = [expected(module, [3, 4, 5, 6]), expected(module, [3])]
    np.testing.assert_allclose(arrays["embeddings"], rows, rtol=1e-5, atol=1e-6)
    with gzip.open(tmp_path / "mine.txt.gz", "wt") as file:
        file.write(path.read_text())
    again = data.embed_path(module, tmp_path / "mine.txt.gz")
    assert np.array_equal(again["embeddings"], arrays["embeddings"])


def test_tables_are_read_in_order_of_time(tmp_path, data, module):
    (tmp_path / "mine.inter").write_text(INTER)
    arrays = data.embed_path(module, tmp_path / "mine.inter")
    assert arrays["ids"].dtype.kind == "U" and arrays["ids"].tolist() == ["ann", "bob"]
    rows = [expected(module, [2, 3]), expected(module, [4])]
    np.testing.assert_allclose(arrays["embeddings"], rows, rtol=1e-5, atol=1e-6)


def test_a_table_may_call_its_columns_otherwise(tmp_path, data, module):
    (tmp_path / "mine.inter").write_text(INTER)
    (tmp_path / "visits.csv").write_text("guest,what,hour\nann,3,2\nbob,4,1\nann,2,1\n")
    other = SequenceData(data.config, seed=0)
    columns = {"user": "guest", "item": "what", "time": "hour"}
    with pytest.raises(UsageError, match=r"guest: names a column of .*; .*mine.inter is none$"):
        read_otherwise(SimpleNamespace(data=other), columns, tmp_path / "mine.inter")
    read_otherwise(SimpleNamespace(data=other), columns, tmp_path / "visits.csv")
    found = other.embed_path(module, tmp_path / "visits.csv")
    wanted = data.embed_path(module, tmp_path / "mine.inter")
    assert all(np.array_equal(found[name], wanted[name]) for name in wanted)


def test_a_table_may_have_other_items_and_no_times(tmp_path, data, module):
    (tmp_path / "mine.csv").write_text("user,item\nann,3\nann,x\nann,2\n")
    with pytest.warns(UserWarning) as told:
        found = data.embed_path(module, tmp_path / "mine.csv")
    assert 'left out: 1, such as "x". A run' in str(told[0].message)
    assert "no column of times (data.time=NAME): the order of lines" in str(told[1].message)
    np.testing.assert_allclose(found["embeddings"], [expected(module, [3, 2])], atol=1e-6)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("mine.txt", "1 2 3\n2 0 3\n", "mine.txt:2.*0.*1"),
        ("mine.txt", "1 2 3\n2\n", "mine.txt:2"),
        ("mine.txt", "1 2 x\n", "mine.txt:1.*x"),
        ("mine.txt", "\n", "mine.txt"),
        ("mine.csv", "1,2\n", "mine.csv.*user"),
        ("mine.csv", "user,item,time\na,3,1\na,0,2\n", "line 2, where user a begins: item 0;"),
        ("mine.csv", "user,item,time\na,x,1\n", 'knows none of its items, such as "x"'),
    ],
)
def test_broken_files_name_the_line(tmp_path, data, module, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message):
        data.embed_path(module, tmp_path / name)


def test_items_are_named_as_in_the_source(tmp_path):
    rows = [f"{user}\t{item}\n" for user in "uvw" for item in ("B0", "7", "A9", "C")]
    (tmp_path / "run.inter").write_text("user_id:token\titem_id:token\n" + "".join(rows))
    config = SequenceConfig(name="file", path=str(tmp_path / "run.inter"), batch_size=2)
    own = SequenceData(config, seed=0)
    assert own.facts.num_items == 4
    module = MCLRec(MCLRecConfig(dim=8, inner_dim=8), None, own.facts)
    (tmp_path / "mine.txt").write_text("x A9 B0\n")
    arrays = own.embed_path(module, tmp_path / "mine.txt")
    np.testing.assert_allclose(arrays["embeddings"], [expected(module, [3, 1])], atol=1e-6)
    assert arrays["item_ids"].tolist() == ["B0", "7", "A9", "C"]
    table = module.encoder.item_embedding.weight.detach().numpy()
    assert np.array_equal(arrays["item_embeddings"], table[1:5])
    (tmp_path / "mine.txt").write_text("x A9 B1\n")
    with pytest.warns(UserWarning, match='does not know are left out: 1, such as "B1". A run'):
        arrays = own.embed_path(module, tmp_path / "mine.txt")
    np.testing.assert_allclose(arrays["embeddings"], [expected(module, [3])], atol=1e-6)


def test_the_backbone_is_the_encoder_under_its_own_keys(module):
    keys = {f"encoder.{key}" for key in module.backbone.state_dict()}
    own = {key for key in module.state_dict() if not key.startswith("augmenters")}
    assert keys == own - {"batches_seen"}
