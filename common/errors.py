"""Errors a user can act on: each names what is wrong and how to mend it."""

import json
from difflib import get_close_matches
from typing import Any

LONGEST = 80  # letters of a wrong value that a message shows


class LikewiseError(Exception):
    """A failure with a message for the user; the command ends with exit code 1."""

    exit_code = 1


class UsageError(LikewiseError):
    """Bad usage or bad input, found before any compute is spent; exit code 2."""

    exit_code = 2


class ConfigError(UsageError):
    """A recipe or an override that the schema refuses."""


class MissingLibrary(ConfigError):
    """A library of an extra that is asked for and not installed.

    Args:
        where: The key, option or file that asks for it.
        extra: The project's extra that lists it.
        libraries: What pip installs.
    """

    def __init__(self, where: str, extra: str, libraries: str) -> None:
        super().__init__(f"{where}: needs Likewise's extra [{extra}]: pip install {libraries}")


class DataError(UsageError):
    """Data that are missing or broken."""


def unreadable(path: Any, error: Exception, form: str = "text") -> DataError:
    """Returns that the file ``path`` cannot be read as ``form``, with the mend for its encoding."""
    if isinstance(error, UnicodeDecodeError):
        said = f"{error.reason}; save it as {form} in UTF-8"
        return DataError(f"{path}: not readable as {error.encoding.upper()}: {said}")
    return DataError(f"{path}: not readable as {form}: {error}")


def suggest(name: str, known: list[str]) -> str:
    """Returns ``; did you mean 'x'?``, all known names if none is close, or nothing without any."""
    close = get_close_matches(name, known, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(sorted(known))}" if known else ""


def shown(value: Any) -> str:
    """Returns ``value`` as YAML has it, in `LONGEST` letters."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError):  # a key of bytes; a number of more digits than Python writes
        text = "a value that cannot be shown"
    return f"{text[:LONGEST]}..." if len(text) > LONGEST else text


def outline(value: Any) -> str:
    """Returns what ``value`` is made of, such as ``(Tensor(8, 3), int)``, in `LONGEST` letters."""
    if isinstance(value, list | tuple) and type(value) in (list, tuple):
        text = f"({', '.join(map(outline, value))})"
    else:
        shape = getattr(value, "shape", None)
        text = type(value).__name__ + ("" if shape is None else f"({', '.join(map(str, shape))})")
    return f"{text[:LONGEST]}..." if len(text) > LONGEST else text
