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


class DataError(UsageError):
    """Data that are missing or broken."""


def suggest(name: str, known: list[str], section: str = "") -> str:
    """Returns ``; did you mean 'x'?``, all known names if none is close, or nothing without any.

    Args:
        name: What was written.
        known: What might have been.
        section: The recipe's section that both stand in. It goes before the name that is offered,
            and is not compared: a long section's name would make any two keys in it alike.
    """
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {(f'{section}.' if section else '') + close[0]!r}?"
    place = f" in {section}" if section else ""
    return f"; known{place}: {', '.join(sorted(known))}" if known else ""


def shown(value: Any) -> str:
    """Returns ``value`` as YAML has it, in `LONGEST` letters."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError):  # a key of bytes; a number of more digits than Python writes
        text = "a value that cannot be shown"
    return f"{text[:LONGEST]}..." if len(text) > LONGEST else text
