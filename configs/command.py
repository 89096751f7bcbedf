"""Starts the command `papers`, once Python is known to find this project's packages.

Other projects call packages `common` and `papers`, too, and Python takes the first that it finds.
This file is in neither of them, so that it can tell.
"""

import sys
from pathlib import Path
from runpy import run_path

PAPERS = Path(__file__).resolve().parents[1] / "papers" / "__init__.py"


def main() -> None:
    """Runs the command; ends with exit code 2 where a package of another project is in its way."""
    try:
        run_path(str(PAPERS))["require_own"]("papers")
    except ImportError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    from common.cli.main import main as start

    start()


if __name__ == "__main__":
    sys.argv[0] = "papers"
    main()
