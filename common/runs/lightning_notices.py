"""Keeps what others print out of our output."""

import logging
import warnings


def quieten_lightning() -> None:
    """Keeps Lightning's notices (device lists, tips, limits reached) out of our output."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # What they warn of does not apply: our sampler resumes in mid-epoch, batches come whole.
    for message in (
        ".*dataloader is not resumable.*",
        ".*does not have many workers.*",
        ".*treespec, LeafSpec.*",
        ".*logging interval.*",
    ):
        warnings.filterwarnings("ignore", message=message)
