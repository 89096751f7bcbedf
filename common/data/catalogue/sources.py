"""The catalogue of real sets: what `sources.yaml` says, as checked dataclasses."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from common.config.yaml_io import read_yaml
from common.data.catalogue.user_provided import YOURS, refuse_given
from common.data.modality import find_set
from common.errors import DataError, suggest

CATALOGUE = Path(__file__).with_name("sources.yaml")


@dataclass(frozen=True, kw_only=True)
class PackedFile:
    """A file of the data root, as the packer writes it.

    ``sha256`` (or ``md5``, where no better is known) is of the whole file; ``content`` is
    `content_digest`, equal also when another zlib compressed the same contents.
    A set that anyone re-encodes (lossy images) has only ``counts``.
    """

    path: str
    sha256: str | None = None
    md5: str | None = None
    content: str | None = None
    counts: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class Original:
    """A file of the real source; ``path`` is its name in the folder that the packer reads."""

    path: str
    url: str
    sha256: str | None = None
    md5: str | None = None
    unpack: bool = False


@dataclass(frozen=True, kw_only=True)
class Source:
    """One set: its files in the data root, where they come from, and under which terms."""

    name: str
    title: str
    packer: str
    page: str
    licence: str
    files: tuple[PackedFile, ...]
    originals: tuple[Original, ...]
    note: str = ""

    def missing(self, root: Path) -> list[Path]:
        """Returns the paths of the set's files that ``root`` lacks."""
        return [root / item.path for item in self.files if not (root / item.path).exists()]


@cache
def load_sources(path: Path = CATALOGUE) -> dict[str, Source]:
    """Reads the catalogue.

    Raises:
        ConfigError: If the file is no YAML mapping.
        DataError: If an entry lacks a field or has one too many, or an address is not https.
    """
    return {name: _parse(name, entry, path) for name, entry in read_yaml(path).items()}


def get_source(name: str) -> Source:
    """Returns the entry ``name``; raises `DataError` with the nearest name if there is none."""
    known = load_sources()
    refuse_given(name)
    if name not in known:
        if name in YOURS:
            raise DataError(f"{name} is read from data.path; there is nothing to prepare or verify")
        if find_set(name):
            raise DataError(f"{name} is built in; there is nothing to prepare")
        raise DataError(f"unknown data set {name!r}{suggest(name, sorted(known))}")
    return known[name]


def name_of_file(relative: str) -> str | None:
    """Returns the name of the set that ``relative`` (a file or its folder) belongs to."""
    for source in load_sources().values():
        for item in source.files:
            if item.path == relative or item.path.startswith(relative.rstrip("/") + "/"):
                return source.name
    return None


def _parse(name: str, entry: dict[str, Any], path: Path) -> Source:
    try:
        content = dict(entry)
        files = [PackedFile(path=key, **value) for key, value in content.pop("files").items()]
        groups = content.pop("originals")
        originals = [item for group in groups for item in _originals(**group)]
        return Source(name=name, files=tuple(files), originals=tuple(originals), **content)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: entry {name!r}: {error}") from None


def _originals(base: str, members: dict[str, str | None], unpack: bool = False) -> list[Original]:
    """Expands ``base`` address + ``{member: sha256}``, or ``md5:...`` for a weaker digest."""
    if urlsplit(base).scheme != "https":
        raise ValueError(f"{base} is not an https address")
    return [
        Original(path=member, url=base + member, unpack=unpack, **_digest(digest))
        for member, digest in members.items()
    ]


def _digest(text: str | None) -> dict[str, str]:
    if text is None:
        return {}
    return {"md5": text[4:]} if text.startswith("md5:") else {"sha256": text}
