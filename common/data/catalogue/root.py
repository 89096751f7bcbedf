"""Where data lie: one folder for all sets, laid out as `sources.yaml` says."""

import os
from pathlib import Path

from common.data.catalogue.sources import name_of_file
from common.data.catalogue.user_provided import GIVEN
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
