"""How processes share a global batch. Imports no torch."""

from common.errors import ConfigError


def check_share(batch_size: int, processes: int) -> None:
    """Raises `ConfigError` with the nearest sizes unless each process gets as many samples."""
    if batch_size % processes == 0:
        return
    lower = batch_size // processes * processes
    near = f"{lower} or {lower + processes}" if lower else f"{processes}"
    raise ConfigError(
        f"data.batch_size: {batch_size} is the global batch and cannot be divided by "
        f"{processes} processes; use {near}"
    )
