"""What `trainer.devices` can be, as Lightning and `common.runs.launch` both read it."""

import re

from common.errors import ConfigError


def check_devices(devices: int | str, accelerator: str) -> None:
    """Raises `ConfigError` unless ``devices`` is a number, all of them, or a list of GPUs.

    Numbers in quotes are refused: Lightning reads them, and the number of processes would not.
    """
    if devices == "auto" or (isinstance(devices, int) and devices >= 1):
        return
    listed = isinstance(devices, str) and re.fullmatch(r"\d+(, *\d+)+", devices)
    numbers = [int(number) for number in str(devices).split(",")] if listed else []
    if devices != -1 and (not listed or len(set(numbers)) < len(numbers)):
        raise ConfigError(
            f"trainer.devices: at least 1, or -1 or auto for all, or a list of different GPUs "
            f"such as '0,2', got {devices!r}"
        )
    if accelerator == "cpu":
        raise ConfigError(
            f"trainer.devices={devices}: on the CPU, devices are processes; write how many"
        )
