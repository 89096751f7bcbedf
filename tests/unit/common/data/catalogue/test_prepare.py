import io
import tarfile
import zipfile
from dataclasses import replace
from email.message import Message
from pathlib import Path
from urllib.error import URLError

import pytest
from rich.console import Console

from common.data.catalogue import prepare as module
from common.data.catalogue.prepare import PACKERS, prepare
from common.data.catalogue.sources import Original, PackedFile, Source, get_source, load_sources
from common.data.catalogue.verify import verify_source
from common.errors import DataError

TEXT = b"1 1 2 3\n2 4 1\n"


class Response(io.BytesIO):
    headers = Message()


class Web:
    """Answers addresses from memory and remembers what was asked."""

    def __init__(self, **pages: bytes) -> None:
        self.pages = pages
        self.asked: list[str] = []

    def __call__(self, url: str) -> Response:
        self.asked.append(url)
        return Response(self.pages[url.rsplit("/", 1)[1].replace(".", "_")])


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Source:
    """A set of two users, as the catalogue would list it."""
    entry = replace(
        get_source("beauty"),
        name="mine",
        files=(PackedFile(path="recsys/mine.txt.gz", counts={"lines": 2, "words": 7}),),
        originals=(Original(path="mine.txt", url="https://example.org/mine.txt"),),
    )
    monkeypatch.setattr(module, "get_source", lambda name: entry)
    return entry


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=200)


def test_every_packer_of_the_catalogue_exists() -> None:
    for source in load_sources().values():
        assert callable(PACKERS.get(source.packer))


def test_a_set_is_fetched_packed_checked_and_written(source, console, tmp_path: Path) -> None:
    web = Web(mine_txt=TEXT)
    written = prepare("mine", str(tmp_path), console, opener=web)
    assert written == [tmp_path / "recsys/mine.txt.gz"] and written[0].exists()
    assert [path.name for path in tmp_path.iterdir()] == ["recsys"]  # no leftovers
    prepare("mine", str(tmp_path), console, opener=web)
    assert len(web.asked) == 1  # what is there is not fetched again


def test_other_contents_are_refused_before_they_are_written(source, console, tmp_path) -> None:
    with pytest.raises(DataError, match=r"recsys/mine\.txt\.gz.*1.*2"):
        prepare("mine", str(tmp_path), console, opener=Web(mine_txt=b"1 1 2\n"))
    assert list(tmp_path.iterdir()) == []


def test_without_network_it_says_how_to_get_the_files(source, console, tmp_path: Path) -> None:
    def no_network(url: str) -> Response:
        raise URLError("Name or service not known")

    with pytest.raises(DataError) as caught:
        prepare("mine", str(tmp_path), console, opener=no_network)
    assert "\n  https://example.org/mine.txt\n" in str(caught.value)
    assert "papers data prepare mine --originals FOLDER" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_data_root_that_cannot_be_written_to_is_told(source, console, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for root in ("file", "file/below"):
        with pytest.raises(DataError, match=rf"{root}: cannot be written to .*; .* --root DIR"):
            prepare("mine", str(tmp_path / root), console, opener=Web())


def test_files_fetched_by_hand_serve_as_well(source, console, tmp_path: Path) -> None:
    by_hand = tmp_path / "hand"
    by_hand.mkdir()
    with pytest.raises(DataError, match=r"mine\.txt.*https://exam"):
        prepare("mine", str(tmp_path / "root"), console, originals=by_hand)
    (by_hand / "mine.txt").write_bytes(TEXT)
    assert prepare("mine", str(tmp_path / "root"), console, originals=by_hand)[0].exists()


def test_an_archive_is_unpacked_first(console, tmp_path: Path, monkeypatch) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("ml/ratings.csv", "a\n1\n")
    entry = replace(
        get_source("ml-latest-small"),
        files=(PackedFile(path="ml/ratings.csv.gz", counts={"lines": 2}),),
        originals=(Original(path="a.zip", url="https://example.org/a.zip", unpack=True),),
    )
    monkeypatch.setattr(module, "get_source", lambda name: entry)
    prepare("ml", str(tmp_path), console, opener=Web(a_zip=buffer.getvalue()))
    assert (tmp_path / "ml/ratings.csv.gz").exists()


def small(name: str, counts: dict[str, dict[str, int]]) -> Source:
    """The catalogue's entry as it would be of a smaller set."""
    entry = get_source(name)
    files = [
        PackedFile(path=item.path, counts=counts[Path(item.path).name]) for item in entry.files
    ]
    originals = [replace(item, sha256=None, md5=None) for item in entry.originals]
    return replace(entry, files=tuple(files), originals=tuple(originals))


def test_members_of_an_archive_are_kept_as_they_are(console, tmp_path: Path, monkeypatch) -> None:
    stems = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for stem in [*stems, "readme"]:
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{stem}.bin")
            member.size = 2 * 3073
            archive.addfile(member, io.BytesIO(stem[-1].encode() * member.size))
    entry = small("cifar10", {f"{stem}.bin": {"bytes": 6146} for stem in stems})
    monkeypatch.setattr(module, "get_source", lambda name: entry)
    web = Web()
    web.pages = {"cifar-10-binary_tar_gz": buffer.getvalue()}
    prepare("cifar10", str(tmp_path), console, opener=web)
    assert (tmp_path / "cifar-10-batches-bin/data_batch_4.bin").read_bytes() == b"4" * 6146
    assert len(list(tmp_path.glob("**/*.bin"))) == 6
    assert verify_source(entry, tmp_path) == []


def test_a_folder_unpacked_by_hand_serves_as_well(console, tmp_path: Path, monkeypatch) -> None:
    names = ["train_X", "train_y", "unlabeled_X", "test_X", "test_y"]
    entry = small("stl10", {f"{name}.bin": {"bytes": 3} for name in names})
    monkeypatch.setattr(module, "get_source", lambda name: entry)
    (tmp_path / "hand/stl10_binary").mkdir(parents=True)
    for name in names:
        (tmp_path / f"hand/stl10_binary/{name}.bin").write_bytes(name[-3:].encode())
    prepare("stl10", str(tmp_path / "root"), console, originals=tmp_path / "hand")
    assert (tmp_path / "root/stl10_binary/test_y.bin").read_bytes() == b"t_y"
    (tmp_path / "hand/stl10_binary").rename(tmp_path / "hand/other")
    with pytest.raises(DataError, match=r"stl10_binary\.tar\.gz"):
        prepare("stl10", str(tmp_path / "again"), console, originals=tmp_path / "hand")


def test_archives_inside_an_archive_are_unpacked_where_they_lie(tmp_path: Path) -> None:
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("101_ObjectCategories/ant/image_0001.jpg"))
    with zipfile.ZipFile(tmp_path / "outer", "w") as archive:
        archive.writestr("caltech-101/101_ObjectCategories.tar.gz", inner.getvalue())
    module._unpack_nested(tmp_path / "outer", tmp_path / "out")
    found = [str(path.relative_to(tmp_path)) for path in tmp_path.glob("out/**/*.jpg")]
    tree = "out/caltech-101/101_ObjectCategories.unpacked"
    assert found == [f"{tree}/101_ObjectCategories/ant/image_0001.jpg"]
