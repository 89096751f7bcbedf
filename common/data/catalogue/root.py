"""Where data lie, one folder for all sets, laid out as `sources.yaml` says; and what is there."""

import os
from pathlib import Path

from common.data.catalogue.sources import GIVEN, get_source, load_sources, name_of_file
from common.data.modality import find_set
from common.errors import DataError

VARIABLE = "LIKEWISE_DATA"


def data_root(root: str | None = None) -> Path:
    """Returns ``root``, else ``$LIKEWISE_DATA``, else ``~/.cache/likewise``.

    Args:
        root: The recipe's ``data.root``; null means "not given".
    """
    chosen = root or os.environ.get(VARIABLE)
    return Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "likewise"


def require(root: str | None, relative: str, name: str | None = None) -> Path:
    """Returns the path of ``relative`` in the data root.

    Args:
        root: The recipe's ``data.root``.
        relative: File or folder, in the layout of `sources.yaml` (``hin/acm.npz``).
        name: The set's name for `papers data prepare`; looked up from ``relative`` if left out.

    Raises:
        DataError: If it is not there; names the file and the two ways to get it.
    """
    path = data_root(root) / relative
    if path.exists():
        return path
    name = name or name_of_file(relative)
    mend = f"get it with `papers data prepare {name}`" if name else "put it there"
    if name in GIVEN:
        mend = f"{name} is not fetched from here: bring it, as {GIVEN[name].layout}"
    raise DataError(
        f"{path} is missing; {mend}, or point {VARIABLE} or data.root= at the folder that holds it"
    )


def data_state(name: str, root: str | None = None) -> str:
    """Returns whether a set is here: ``yes`` or ``no``, else ``built in`` or ``yours``."""
    if name in GIVEN:
        return "yes" if GIVEN[name].is_in(data_root(root)) else "no"
    if name not in load_sources():
        return "yours" if (found := find_set(name)) and found.plan else "built in"
    return "no" if get_source(name).missing(data_root(root)) else "yes"


def require_data(name: str, root: str | None, path: str | None) -> None:
    """Raises `DataError` where nothing of a set is there, before torch is imported.

    Readers say what else is wrong.

    Args:
        name: The recipe's ``data.name``.
        root: Its ``data.root``.
        path: Its ``data.path``: a file or folder by itself or in the data root.
    """
    whole = data_root(root)
    if path is not None:
        if not Path(path).expanduser().exists() and not (whole / path).exists():
            raise DataError(f"data.path: {path}: no such file or folder")
    elif name in GIVEN:
        patterns = [pattern for way in GIVEN[name].ways for pattern in way]
        if not any(any(whole.glob(pattern)) for pattern in patterns):
            require(root, patterns[0].partition("/")[0], name)
    elif name in load_sources():
        source = load_sources()[name]
        first = source.files[0].path
        # A recipe may need some of them only, and WordNet's may be unpacked, as Debian has them.
        if len(source.missing(whole)) == len(source.files):
            if not (whole / first.removesuffix(".gz")).exists():
                require(root, first, name)
