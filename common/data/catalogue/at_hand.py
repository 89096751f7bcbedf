"""Refuses data that are not there before torch is imported; readers say what else is wrong."""

from pathlib import Path

from common.data.catalogue.root import data_root, require
from common.data.catalogue.sources import load_sources
from common.data.catalogue.user_provided import GIVEN
from common.errors import DataError


def require_data(name: str, root: str | None, path: str | None) -> None:
    """Raises `DataError` where nothing of a set is there.

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
