"""Starts the command `papers`, once Python is known to find this project's packages.

Other projects call packages `common` and `papers`, too, and Python takes the first that it finds.
This file is in neither of them, so that it can tell.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

OURS = Path(__file__).resolve().parents[1]


def main() -> None:
    """Runs the command; ends with exit code 2 where a package of another project is in its way."""
    for name in ("common", "papers"):
        place = _place(name)
        if place != OURS / name:
            sys.exit(_foreign(name, place))
    from common.cli.main import main as start

    start()


def _place(name: str) -> Path | None:
    """Returns the folder of package ``name``, or the file if it is a module; None if there is none.

    A folder without ``__init__.py`` has no file of its own.
    """
    found = find_spec(name)
    folders = list((found.submodule_search_locations if found else None) or [])
    place = folders[0] if folders else found and found.origin
    return Path(place).resolve() if place else None


def _foreign(name: str, place: Path | None) -> int:
    said = f"is another project's, {place}" if place else "is not found"
    print(
        f"error: Likewise needs its own package {name!r}, which is in {OURS}; the one that Python "
        f"finds first {said}. Take that one's folder off PYTHONPATH, or install Likewise in a "
        "virtual environment of its own.",
        file=sys.stderr,
    )
    return 2


if __name__ == "__main__":
    sys.argv[0] = "papers"
    main()
