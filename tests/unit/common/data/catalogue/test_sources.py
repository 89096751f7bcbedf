import re
from pathlib import Path

import pytest

from common.data.catalogue.sources import get_source, load_sources, name_of_file
from common.errors import DataError

ENTRY = """
mine:
  title: Mine
  packer: graph
  page: https://example.org
  licence: mine
  files:
    hin/mine.npz:
      counts: {{labels: 3}}
  originals:
    - base: {base}
      members: {{labels.npy: null}}
{extra}
"""


def write(path: Path, base: str = "https://example.org/", extra: str = "") -> Path:
    path.write_text(ENTRY.format(base=base, extra=extra))
    return path


def test_the_catalogue_holds_what_the_papers_use() -> None:
    assert {"acm", "imdb", "dblp", "aminer", "freebase"} <= set(load_sources())
    assert {"beauty", "sports", "toys", "ml-latest-small"} <= set(load_sources())


@pytest.mark.parametrize("source", load_sources().values(), ids=lambda source: source.name)
def test_every_entry_is_complete(source) -> None:
    assert source.files and source.originals and source.licence and source.title
    assert all(item.url.startswith("https://") for item in source.originals)
    for item in source.originals + source.files:
        assert item.sha256 is None or re.fullmatch("[0-9a-f]{64}", item.sha256)
        assert item.md5 is None or re.fullmatch("[0-9a-f]{32}", item.md5)
    assert all(item.counts for item in source.files)
    assert all(not Path(item.path).is_absolute() for item in source.files + source.originals)


def test_a_lossless_set_can_be_checked_to_the_byte() -> None:
    for source in load_sources().values():
        has_digest = all((item.sha256 and item.content) or item.md5 for item in source.files)
        of_archive = all(item.sha256 or item.md5 for item in source.originals)
        assert has_digest or of_archive or "LOSSY" in source.note, source.name


def test_github_addresses_name_a_commit() -> None:
    for source in load_sources().values():
        for item in source.originals:
            if "githubusercontent" in item.url:
                assert re.search("/[0-9a-f]{40}/", item.url), item.url


def test_an_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(DataError, match="'beauty'"):
        get_source("beaty")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ow-forge-20", "built in"),
        ("image-table", "data.path"),
        ("lora", r"timeseries/lora/lora-all\.csv\.gz.*AutoTCL"),
        ("ow-dfa", r"ow-dfa/protocol-1\.csv"),
    ],
)
def test_what_is_not_fetched_says_where_it_comes_from(name: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        get_source(name)


def test_a_file_leads_to_its_set() -> None:
    assert name_of_file("hin/dblp.npz") == "dblp"
    assert name_of_file("recsys/ml-latest-small/") == "ml-latest-small"
    assert name_of_file("hin/ac") is None


def test_missing_lists_the_absent_files(tmp_path: Path) -> None:
    source = load_sources(write(tmp_path / "s.yaml"))["mine"]
    assert source.missing(tmp_path) == [tmp_path / "hin/mine.npz"]
    (tmp_path / "hin").mkdir()
    (tmp_path / "hin/mine.npz").touch()
    assert source.missing(tmp_path) == []


def test_a_digest_may_be_md5(tmp_path: Path) -> None:
    path = write(tmp_path / "s.yaml")
    path.write_text(path.read_text().replace("null", '"md5:' + 32 * "a" + '"'))
    original = load_sources(path)["mine"].originals[0]
    assert (original.md5, original.sha256) == (32 * "a", None)


def test_an_address_without_encryption_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"s\.yaml.*'mine'.*http://"):
        load_sources(write(tmp_path / "s.yaml", base="http://example.org/"))


def test_an_unknown_field_names_file_and_entry(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"s\.yaml.*'mine'"):
        load_sources(write(tmp_path / "s.yaml", extra="  colour: red"))
