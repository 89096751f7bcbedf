"""Where the source tree stands that this code was imported from."""

from pathlib import Path

from common.errors import UsageError

# Holds papers/, common/ and, in a checkout, configs/, results/ and tests/.
SOURCE_ROOT = Path(__file__).resolve().parents[2]


def is_checkout() -> bool:
    """Tells whether this code lies in a checkout; an installed package holds no committed files."""
    return (SOURCE_ROOT / "pyproject.toml").is_file()


def require_checkout(what: str) -> None:
    """Raises `UsageError` outside of a checkout, where ``what`` has no committed files to work on.

    Args:
        what: The command.
    """
    if not is_checkout():
        raise UsageError(
            f"{SOURCE_ROOT} is no checkout, which {what} needs; clone the project and use "
            "pip install -e ."
        )
