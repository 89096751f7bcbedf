"""The stored configuration hashes of all recipes; ``python -m tests.hashes`` stores them anew.

A hash joins a record to its recipe: one that moves leaves the records of its setting without one.
"""

import json
from pathlib import Path

from tests.recipes import EVERY, load

PATH = Path(__file__).parent / "repo" / "config_hashes.json"


def stored_hashes() -> dict[str, str]:
    """Returns ``{paper/recipe[:variant]: hash}``."""
    return json.loads(PATH.read_text())


if __name__ == "__main__":
    PATH.write_text(
        json.dumps({name: load(name).hash() for name in sorted(EVERY)}, indent=0) + "\n"
    )
