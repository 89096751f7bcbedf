"""The paper's two loops: which part learns follows the epoch, which a resumed run must know."""

import pytest

from common.config.recipe import load_recipe
from common.data.sequences.config import SequenceConfig
from common.data.sequences.module import SequenceData
from common.runs.checkpoints import Checkpoints
from common.tracking.tracker import Reporter
from common.training.position import Position
from common.training.trainer import make_trainer
from papers.mclrec.config import MCLRecConfig
from papers.mclrec.module import MCLRec

# Of the five batches of an epoch.
EVERY = 7


def fit(folder, resume_from=None):
    recipe = load_recipe("mclrec/quick", ["trainer.epochs=2", "trainer.accelerator=cpu"])
    data = SequenceData(SequenceConfig(num_users=40, batch_size=64, max_length=12), seed=0)
    method = MCLRecConfig(dim=8, inner_dim=8, dropout=0.3, scheme="two-loop")
    module = MCLRec(method, None, data.facts)
    callbacks = [
        Position(),
        Checkpoints(folder, 9, EVERY, Reporter(None, None)),
    ]
    trainer = make_trainer(recipe, module, callbacks, folder)
    trainer.fit(module, datamodule=data, ckpt_path=resume_from)
    return module


@pytest.mark.filterwarnings("ignore:You're resuming")
def test_a_run_resumed_in_the_second_epoch_goes_on_with_the_augmenters(tmp_path):
    whole = fit(tmp_path)
    resumed = fit(tmp_path, tmp_path / f"batch-{EVERY:09}.ckpt")
    assert whole.batches_seen == resumed.batches_seen
    ends = whole.state_dict(), resumed.state_dict()
    assert all(ends[0][name].equal(ends[1][name]) for name in ends[0])
