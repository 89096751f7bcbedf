import hashlib
import io
import tarfile
import zipfile
from email.message import Message
from pathlib import Path
from urllib.error import URLError

import pytest
from rich.console import Console

from common.data.catalogue.download import Unreachable, _https_only, download, open_https, unpack
from common.data.catalogue.sources import Original
from common.errors import DataError

CONTENT = b"0\t1\n1\t0\n"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
URL = "https://example.org/data/pa.txt"


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO())


class Response(io.BytesIO):
    def __init__(self, content: bytes, length: int | None = None) -> None:
        super().__init__(content)
        self.headers = Message()
        if length is not None:
            self.headers["Content-Length"] = str(length)


@pytest.mark.parametrize("length", [None, len(CONTENT)])
def test_a_file_arrives_under_its_name(tmp_path: Path, console: Console, length) -> None:
    original = Original(path="pa.txt", url=URL, sha256=DIGEST)
    path = download(original, tmp_path / "in", console, lambda url: Response(CONTENT, length))
    assert path.read_bytes() == CONTENT
    assert [item.name for item in path.parent.iterdir()] == ["pa.txt"]


def test_other_bytes_are_refused_and_leave_nothing(tmp_path: Path, console: Console) -> None:
    original = Original(path="pa.txt", url=URL, sha256=DIGEST)
    with pytest.raises(DataError, match=rf"{URL}: sha256 .* instead of {DIGEST}"):
        download(original, tmp_path, console, lambda url: Response(b"other"))
    assert list(tmp_path.iterdir()) == []


def test_a_weaker_digest_is_checked_where_the_publisher_gives_no_other(tmp_path, console) -> None:
    md5 = hashlib.md5(CONTENT).hexdigest()
    original = Original(path="pa.txt", url=URL, md5=md5)
    assert download(original, tmp_path, console, lambda url: Response(CONTENT)).exists()
    with pytest.raises(DataError, match=rf"md5 .* instead of {md5}"):
        download(original, tmp_path / "b", console, lambda url: Response(b"other"))


def test_a_transfer_that_breaks_off_leaves_nothing(tmp_path: Path, console: Console) -> None:
    original = Original(path="pa.txt", url=URL)
    with pytest.raises(DataError, match="broke off at 8 of 80 bytes"):
        download(original, tmp_path, console, lambda url: Response(CONTENT, 80))
    assert list(tmp_path.iterdir()) == []


def no_network(url: str) -> Response:
    raise URLError("Name or service not known")


def test_without_network_the_address_and_the_reason_are_told(
    tmp_path: Path, console: Console
) -> None:
    with pytest.raises(Unreachable, match=rf"{URL}: not reachable \(Name or service not known"):
        download(Original(path="pa.txt", url=URL), tmp_path, console, no_network)


@pytest.mark.parametrize("url", ["http://example.org/a", "file:///etc/passwd", "ftp://e.org/a"])
def test_only_https_is_opened(url: str) -> None:
    with pytest.raises(ValueError, match="not an https address"):
        open_https(url)
    with pytest.raises(URLError, match="unknown url type"):  # where a redirect would lead
        _https_only().open(url)


def tar_of(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def zip_of(path: Path, *members: tuple[str, bytes, int]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content, mode in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, content)
    return path


def test_a_tar_and_a_zip_are_unpacked(tmp_path: Path) -> None:
    tar = tar_of(tmp_path / "a", (member("set/a.txt"), b"a"), (member("set/sub/b.txt"), b"b"))
    unpack(tar, tmp_path / "tar")
    assert (tmp_path / "tar/set/sub/b.txt").read_bytes() == b"b"
    packed = zip_of(tmp_path / "b", ("set/", b"", 0o40755), ("set/a.txt", b"a", 0o100644))
    unpack(packed, tmp_path / "zip")
    assert (tmp_path / "zip/set/a.txt").read_bytes() == b"a"


@pytest.mark.parametrize("name", ["../out.txt", "/out.txt", "a/../../out.txt", "..\\out.txt"])
def test_members_that_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    for archive in (
        tar_of(tmp_path / "t", (member(name), b"x")),
        zip_of(tmp_path / "z", (name, b"x", 0o100644)),
    ):
        with pytest.raises(DataError, match="outside"):
            unpack(archive, tmp_path / "deep" / archive.name)
    assert not list(tmp_path.glob("**/out.txt"))


@pytest.mark.parametrize(
    "info",
    [
        member("link", tarfile.SYMTYPE, "/etc/passwd"),
        member("link", tarfile.LNKTYPE, "other"),
        member("device", tarfile.CHRTYPE),
        member("pipe", tarfile.FIFOTYPE),
    ],
)
def test_links_and_devices_in_a_tar_are_refused(tmp_path: Path, info: tarfile.TarInfo) -> None:
    with pytest.raises(DataError, match=f"{info.name} is a link or a device file"):
        unpack(tar_of(tmp_path / "t", (info, b"")), tmp_path / "out")


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a link"):
        unpack(zip_of(tmp_path / "z", ("link", b"/etc/passwd", 0o120777)), tmp_path / "out")


def test_a_name_given_twice_is_refused(tmp_path: Path) -> None:
    tar = tar_of(tmp_path / "t", (member("a.txt"), b"1"), (member("a.txt"), b"2"))
    with pytest.raises(DataError, match=r"a\.txt"):
        unpack(tar, tmp_path / "out")


def test_what_is_no_archive_or_torn_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page").write_text("<html>")
    with pytest.raises(DataError, match="neither a zip nor a tar"):
        unpack(tmp_path / "page", tmp_path / "a")
    whole = tar_of(tmp_path / "t", (member("a.txt"), bytes(range(256)) * 50)).read_bytes()
    (tmp_path / "torn").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="torn"):
        unpack(tmp_path / "torn", tmp_path / "b")
