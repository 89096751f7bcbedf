"""Fetching the original files of a set, and unpacking archives without leaving their folder."""

import hashlib
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

from common.data.catalogue.sources import Original
from common.errors import DataError

TIMEOUT_S = 60
CHUNK_BYTES = 1 << 18
HANDLERS = (
    ProxyHandler,
    HTTPSHandler,
    HTTPRedirectHandler,
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    UnknownHandler,
)

# Takes an address, returns an open response with a ``headers`` mapping.
Opener = Callable[[str], Any]


class Unreachable(DataError):
    """No network, no such address, or a transfer that broke off."""


def open_https(url: str) -> Any:
    """Opens ``url``; redirects to anything but https fail, since no other handler is there.

    Raises:
        ValueError: If the address itself is not https.
        OSError: No network, no such address, or a refusal of the server.
    """
    if urlsplit(url).scheme != "https":
        raise ValueError(f"{url} is not an https address")
    return _https_only().open(Request(url, headers={"User-Agent": "likewise"}), timeout=TIMEOUT_S)


def download(
    original: Original, folder: Path, console: Console, opener: Opener = open_https
) -> Path:
    """Fetches one original file into ``folder`` and checks its sha256, or the md5 it has instead.

    Raises:
        Unreachable: Without network, or when the transfer breaks off.
        DataError: If the bytes are not the expected ones. Nothing is left in ``folder``.
    """
    target = folder / original.path
    partial = target.with_name(target.name + ".part")
    kind, expected = ("md5", original.md5) if original.md5 else ("sha256", original.sha256)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with opener(original.url) as response, open(partial, "wb") as file:
            digest = _copy(response, file, original.path, console, kind)
    except OSError as error:
        partial.unlink(missing_ok=True)
        reason = getattr(error, "reason", None) or error
        raise Unreachable(f"{original.url}: not reachable ({reason})") from None
    if expected and digest != expected:
        partial.unlink()
        raise DataError(
            f"{original.url}: {kind} {digest} instead of {expected}; the file at the "
            "source has changed or the transfer was tampered with"
        )
    return partial.replace(target)


def unpack(archive: Path, folder: Path) -> None:
    """Unpacks a tar or zip into ``folder``, which must be new.

    Raises:
        DataError: If it is neither, is broken, or holds a member that would leave the folder,
            a link, a device file, or two members of one name.
    """
    folder.mkdir(parents=True)
    try:
        if zipfile.is_zipfile(archive):
            _unpack_zip(archive, folder)
        elif tarfile.is_tarfile(archive):
            _unpack_tar(archive, folder)
        else:
            raise DataError(f"{archive}: neither a zip nor a tar archive")
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise DataError(f"{archive}: not unpacked: {error}") from None


def _https_only() -> OpenerDirector:
    """Returns an opener without the http, ftp, file and data handlers a redirect could name."""
    opener = OpenerDirector()
    for handler in HANDLERS:
        opener.add_handler(handler())
    return opener


def _copy(response: Any, file: IO[bytes], name: str, console: Console, kind: str) -> str:
    """Copies with a progress bar and returns the digest of this kind."""
    digest = hashlib.new(kind)
    length = response.headers.get("Content-Length")
    columns = ("{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(name, total=int(length) if length else None)
        while chunk := response.read(CHUNK_BYTES):
            file.write(chunk)
            digest.update(chunk)
            progress.advance(task, len(chunk))
    if length and file.tell() != int(length):
        raise OSError(f"the transfer broke off at {file.tell()} of {length} bytes")
    return digest.hexdigest()


def _unpack_zip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as source:
        for member in source.infolist():
            mode = member.external_attr >> 16
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise DataError(f"{archive}: {member.filename} is a link or a device file")
            target = _inside(archive, folder, member.filename)
            if not member.is_dir():
                with source.open(member) as content:
                    _write_new(archive, target, content)


def _unpack_tar(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as source:
        for member in source:
            if not (member.isreg() or member.isdir()):
                raise DataError(f"{archive}: {member.name} is a link or a device file")
            target = _inside(archive, folder, member.name)
            content = source.extractfile(member)
            if content is not None:
                _write_new(archive, target, content)


def _inside(archive: Path, folder: Path, name: str) -> Path:
    parts = PurePosixPath(name.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or ":" in (parts.parts or ("",))[0]:
        raise DataError(f"{archive}: {name} would be written outside {folder}")
    return folder.joinpath(*parts.parts)


def _write_new(archive: Path, target: Path, content: IO[bytes]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with open(target, "xb") as file:
            while chunk := content.read(CHUNK_BYTES):
                file.write(chunk)
    except FileExistsError:
        raise DataError(f"{archive}: holds {target.name} twice") from None
