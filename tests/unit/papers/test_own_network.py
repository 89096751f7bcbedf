"""Every method around a network of the user's own: trained, saved, loaded, and refused."""

import pytest
import torch
from lightning import LightningModule

from common.data.images.config import ImageFacts
from common.errors import ConfigError
from common.methods import config
from common.methods.barlow_twins import BarlowTwins
from common.methods.moco import MoCo
from common.methods.simclr import SimCLR
from common.methods.simsiam import SimSiam
from common.methods.supcon import SupCon
from common.methods.supervised import Supervised
from papers.swav import SwAV, SwAVConfig
from tests.own_network import network
from tests.unit.papers.test_stand_alone import loader, stock_trainer

HEAD = {"hidden_dim": 8, "output_dim": 4}
FACTS = ImageFacts(num_classes=3)
LABELS = torch.arange(8) % 3
# Views of two sizes where the method takes them.
VIEWS = [torch.rand(8, 3, 16, 16), torch.rand(8, 3, 16, 16)]
CASES = {
    "swav": (SwAV, SwAVConfig(**HEAD, num_prototypes=4)),
    "simclr": (SimCLR, config.SimCLRConfig(**HEAD, zero_init_residual=True)),
    "moco": (MoCo, config.MoCoConfig(**HEAD, queue_length=16, batch_norm_groups=2)),
    "simsiam": (SimSiam, config.SimSiamConfig(**HEAD, predictor_dim=4)),
    "barlow": (BarlowTwins, config.BarlowTwinsConfig(**HEAD)),
    "supcon": (SupCon, config.SupConConfig(**HEAD)),
    "supervised": (Supervised, config.SupervisedConfig()),
}


@pytest.mark.parametrize("name", CASES)
def test_a_network_of_ones_own_trains_is_saved_and_is_needed_to_load(name, tmp_path):
    torch.manual_seed(0)
    kind, method = CASES[name]
    own = network()
    first = own[0].weight.detach().clone()
    module: LightningModule = kind(method, facts=FACTS, backbone=own)
    trainer = stock_trainer(tmp_path, max_epochs=1)
    trainer.fit(module, loader((VIEWS, LABELS)))
    assert not torch.equal(own[0].weight, first), "it is trained itself, and no copy"
    path = trainer.checkpoint_callback.best_model_path
    with pytest.raises(ConfigError, match=r"Sequential.*give backbone="):
        kind.load_from_checkpoint(path)
    loaded = kind.load_from_checkpoint(path, backbone=network()).eval()
    assert torch.equal(loaded(VIEWS[0]), module.eval()(VIEWS[0]))
    assert torch.equal(loaded(VIEWS[0]), own.eval()(VIEWS[0]))


def test_views_of_two_sizes_pass_it():
    kind, method = CASES["swav"]
    small = [torch.rand(8, 3, 12, 12)] * 2
    assert kind(method, backbone=network()).training_step([*VIEWS, *small], 0).isfinite()
