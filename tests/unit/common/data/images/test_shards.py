import io
import tarfile

import pytest

from common.data.images.readers import shards as module
from common.data.images.readers.shards import open_shards
from common.errors import DataError


@pytest.fixture
def shard(tmp_path, packing, monkeypatch):
    """Three images with labels; an index made of one state of it serves no other."""
    monkeypatch.setattr(module, "CACHE", tmp_path / "cache")
    path = tmp_path / "train-0.tar"
    with tarfile.open(path, "w") as tar:
        for number, image in enumerate(packing.random(3)):
            parts = {"png": packing.encode(image), "cls": str(number).encode()}
            for kind, content in parts.items():
                member = tarfile.TarInfo(f"{number}.{kind}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return path


def ends(shard):
    """Returns where each member's header begins, and where the closing block does."""
    with tarfile.open(shard) as tar:
        return [member.offset for member in tar] + [tar.offset]


def test_a_whole_shard_is_read_also_without_padding_to_a_record(shard):
    read = open_shards(shard.parent, [shard])
    assert read.labels.tolist() == [0, 1, 2]
    shard.write_bytes(shard.read_bytes()[: ends(shard)[-1] + 512])
    assert open_shards(shard.parent, [shard]).labels.tolist() == [0, 1, 2]


@pytest.mark.parametrize("beyond", [0, 100])
@pytest.mark.parametrize("member", [2, 3, 6])
def test_a_shard_cut_between_members_or_within_a_header_is_refused(shard, member, beyond):
    shard.write_bytes(shard.read_bytes()[: ends(shard)[member] + beyond])
    with pytest.raises(DataError, match=r"train-0\.tar"):
        open_shards(shard.parent, [shard])


def test_a_header_that_is_none_is_not_the_end(shard):
    content, place = bytearray(shard.read_bytes()), ends(shard)[2]
    content[place + 148 : place + 156] = b"damaged "
    shard.write_bytes(content)
    with pytest.raises(DataError, match=rf"no member can be read from byte {place:,} on; fetch"):
        open_shards(shard.parent, [shard])


def test_a_description_without_a_label_leaves_the_label_that_is_known(shard):
    with tarfile.open(shard, "a") as tar:
        member = tarfile.TarInfo("1.json")
        member.size = 2
        tar.addfile(member, io.BytesIO(b"{}"))
    assert open_shards(shard.parent, [shard]).labels.tolist() == [0, 1, 2]
