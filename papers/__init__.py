"""The papers: one folder each, importing only `common`, which is looked for here."""

from importlib.util import find_spec
from pathlib import Path

OURS = Path(__file__).resolve().parents[1]


def require_own(name: str) -> None:
    """Raises `ImportError` if Python finds another project's package ``name`` before ours."""
    found = find_spec(name)
    # A folder without `__init__.py` has no file of its own.
    folders = list((found.submodule_search_locations if found else None) or [])
    place = folders[0] if folders else found and found.origin
    if place and Path(place).resolve() == OURS / name:
        return
    said = f"is another project's, {Path(place).resolve()}" if place else "is not found"
    raise ImportError(
        f"Likewise needs its own package {name!r}, which is in {OURS}; the one that Python finds "
        f"first {said}. Take that one's folder off PYTHONPATH, start Python as `python -P`, which "
        "leaves the working folder out, or install Likewise in a virtual environment of its own."
    )


require_own("common")
