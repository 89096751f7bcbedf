"""What `papers evaluate`, `embed` and `recommend` take of how data of the user's own are read."""

import os
from collections.abc import Sequence
from typing import Any

from common.config.overrides import is_setting
from common.config.yaml_io import parse_overrides
from common.errors import UsageError
from common.registry import PROTOCOLS

SKIP = "data.skip_unreadable"
ACTION_COLUMNS = ("data.user", "data.item", "data.time")
SERIES = ("data.date", "data.date_format", "data.fill")
# All else is a recipe's.
READING = (SKIP, *ACTION_COLUMNS, *SERIES)


def split_words(words: Sequence[str]) -> tuple[str | None, list[str]]:
    """Returns the data that words name, if any, and the settings; raises `UsageError` for more."""
    data = [word for word in words if not is_setting(word)]
    for word in data:
        if word in PROTOCOLS and not os.path.exists(word):
            raise UsageError(f"{word}: is a protocol; give each an option: --protocol {word}")
    if len(data) > 1:
        raise UsageError(f"{data[1]}: one name of data can be given, and settings as key=value")
    return (data[0] if data else None), [word for word in words if word not in data]


def reading_settings(
    settings: dict[str, Any], data: str | None, keys: Sequence[str]
) -> dict[str, Any]:
    """Takes those of ``keys`` out of settings and returns them, without ``data.``.

    Raises:
        UsageError: Another key of ``data``, a switch that is neither true nor false, images to skip
            where the data are no folder of images, or a column that is no name.
    """
    reading = {key: settings.pop(key) for key in keys if key in settings}
    _refuse([key for key in settings if key.startswith("data.")], keys)
    for key, value in reading.items():
        if key == SKIP and not isinstance(value, bool):
            raise UsageError(f"{SKIP}={value}: must be true or false")
        if key != SKIP and not isinstance(value, str | None):
            what = "a text" if key in SERIES else "the name of a column"
            raise UsageError(f"{key}={value}: must be {what}, or null")
    if reading.get(SKIP) and not os.path.isdir(os.path.expanduser(data or "")):
        said = "none is given" if data is None else f"{data} is none"
        raise UsageError(f"{SKIP}: is for a folder of images, and {said}")
    return {key.removeprefix("data."): value for key, value in reading.items()}


def only_reading(words: Sequence[str], data: str | None, keys: Sequence[str]) -> dict[str, Any]:
    """Returns `reading_settings` of ``words``; raises `UsageError` as it does, or for others."""
    settings = parse_overrides([*words])
    reading = reading_settings(settings, data, keys)
    _refuse([*settings], keys)
    return reading


def _refuse(given: Sequence[str], known: Sequence[str]) -> None:
    if given:
        said = f"{given[0]}: cannot be set for data of your own, but only"
        raise UsageError(f"{said} {', '.join(known)}")
