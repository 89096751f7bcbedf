"""Which run and which code wrote a checkpoint, and what a run resumed by other code is."""

from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_warn

from common.results.ledger import MIXED, read_ledger
from common.results.record import default_root
from common.training.position import KEY


def joined_digest(paper: str, setting: str, then: str, now: str) -> str:
    """Returns the digest of what code ``then`` began and code ``now`` went on with.

    That of now where `papers verify` found both to give the steps of ``setting``, else `MIXED`.
    """
    same = read_ledger(paper, default_root()).same_numbers(setting, then, now)
    return now if same else MIXED


class Provenance(Callback):
    """Adds run, paper and code to the position that `Position` keeps; stands after it.

    ``code_digest`` is that of the whole run, also where it was begun by other code.
    """

    def __init__(self, run_id: str, paper: str, setting: str, code_digest: str) -> None:
        self.run_id, self.paper, self.setting = run_id, paper, setting
        self.code_digest = code_digest

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Adds them."""
        own = {"run_id": self.run_id, "paper": self.paper, "code_digest": self.code_digest}
        checkpoint[KEY] |= own

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Warns where the code has changed since the run began."""
        then = checkpoint[KEY]["code_digest"]
        self.code_digest = joined_digest(self.paper, self.setting, then, self.code_digest)
        if self.code_digest == MIXED:
            rank_zero_warn("the code has changed since this run began: its row will be mixed")
