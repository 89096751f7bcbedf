"""The stored configuration hashes; ``python -m tests.hashes`` stores those of all recipes anew.

A hash joins a record to its recipe: one that moves leaves the records of its setting without one.
``override_hashes.json`` has words for one recipe, odd ones too, with the hash that each makes or
null where it is refused: what a value is taken for moves a hash as well. It is never stored anew.
"""

import json
from pathlib import Path

from tests.recipes import EVERY, load

FOLDER = Path(__file__).parent / "repo"
PATH = FOLDER / "config_hashes.json"
OVERRIDES = FOLDER / "override_hashes.json"


def stored_hashes(path: Path = PATH) -> dict[str, str | None]:
    """Returns ``{paper/recipe[:variant]: hash}``, or the same of words for a recipe."""
    return json.loads(path.read_text())


if __name__ == "__main__":
    PATH.write_text(
        json.dumps({name: load(name).hash() for name in sorted(EVERY)}, indent=0) + "\n"
    )
