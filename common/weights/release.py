"""The released weights: what the manifest says of each file, and how one is fetched and checked.

Neither torch nor lightning is imported here.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from rich.console import Console

from common.config.references import split_reference
from common.config.yaml_io import read_yaml
from common.data.catalogue.download import Opener, download, open_https
from common.data.catalogue.sources import Original
from common.errors import DataError, UsageError
from common.files import file_digest
from common.results.strict_dataclasses import build_checked

MANIFEST = Path(__file__).with_name("manifest.yaml")
VARIABLE = "LIKEWISE_WEIGHTS_URL"
NOT_PUBLISHED = (
    "no release is published yet; make the file with papers weights build PAPER/RECIPE, or say "
    f"with --from or {VARIABLE} where it is"
)


@dataclass(frozen=True, kw_only=True)
class Released:
    """One file of weights.

    ``record`` is the name of the record in ``results/<paper>/`` that the training repeated;
    ``data`` names the data set it was trained on, and ``licence`` says under which terms that is.
    """

    file: str
    bytes: int
    sha256: str
    record: str
    data: str
    licence: str

    @property
    def card(self) -> str:
        """The name of its model card."""
        return card_name(self.file)

    def is_in(self, folder: Path) -> bool:
        """Tells whether ``folder`` holds this very file."""
        path = folder / self.file
        return path.is_file() and file_digest(path) == self.sha256


@dataclass(frozen=True, kw_only=True)
class Release:
    """The manifest: ``files`` by ``paper/recipe[:variant]``, and their folder's address, if any."""

    url: str | None
    files: Mapping[str, Released]

    def find(self, reference: str) -> tuple[str, Released]:
        """Returns the whole name that ``reference`` stands for, and its file.

        Raises:
            UsageError: No such paper, or no released weights of that name.
        """
        paper, recipe, variant = split_reference(reference)
        name = f"{paper}/{recipe}" + (f":{variant}" if variant else "")
        if name not in self.files:
            raise UsageError(f"{reference}: no weights are released of it; see papers weights list")
        return name, self.files[name]


def card_name(file: str) -> str:
    """Returns the name of the model card that lies beside a file of weights."""
    return str(Path(file).with_suffix(".md"))


def read_release(path: Path = MANIFEST) -> Release:
    """Reads the manifest; raises `DataError` where an entry lacks a key or has one too many."""
    content = read_yaml(path)
    if sorted(content) != ["files", "url"]:
        raise DataError(f"{path}: must hold url and files, and nothing else")
    files = {
        name: build_checked(Released, entry, f"{path}: {name}", DataError)
        for name, entry in content["files"].items()
    }
    return Release(url=content["url"], files=files)


def fetch(
    released: Released,
    place: str,
    folder: Path,
    force: bool,
    console: Console,
    opener: Opener = open_https,
) -> list[Path]:
    """Brings the weights, checked and whole, and their card from ``place`` into ``folder``.

    A file that is there already is left as it is.

    Args:
        released: What to bring.
        place: An https address or a folder, which holds the files.
        folder: Is made where it is missing.
        force: Whether other files of the same names are replaced.
        console: Shows the progress.
        opener: Opens an https address.

    Raises:
        UsageError: Another kind of address, or other weights of that name in ``folder``.
        Unreachable: ``place`` has no such file, or the transfer breaks off.
        DataError: The weights are not those of the release. ``folder`` is as it was.
    """
    weights, card = folder / released.file, folder / released.card
    wanted: dict[str, str | None] = {}
    if not released.is_in(folder):
        if weights.exists() and not force:
            raise UsageError(
                f"{weights}: another file is there; add --force, or name another --out"
            )
        wanted[weights.name] = released.sha256
    if force or not card.exists():
        wanted[card.name] = None  # it is text, which names the run that made it
    for name, sha256 in wanted.items():
        original = Original(path=name, url=address(place, name), sha256=sha256)
        remote = original.url.startswith("https:")
        download(original, folder, console, opener if remote else urlopen)
    return [weights, card]


def place_of(release: Release, given: str | None) -> str:
    """Returns where the files are: as given, as the environment says, or as the manifest does.

    Raises:
        UsageError: None of them says it.
    """
    place = given or os.environ.get(VARIABLE) or release.url
    if place is None:
        raise UsageError(NOT_PUBLISHED)
    return place


def address(place: str, name: str) -> str:
    """Returns the address of the file ``name`` in ``place``, an https address or a folder.

    Raises:
        UsageError: It is neither.
    """
    if place.startswith("https://"):
        return f"{place.rstrip('/')}/{name}"
    folder = Path(place).expanduser()
    if not folder.is_dir():
        raise UsageError(f"{place}: neither an https address nor a folder")
    return (folder.resolve() / name).as_uri()
