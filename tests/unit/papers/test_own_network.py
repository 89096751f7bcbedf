"""Every method around a network of the user's own: trained, saved, loaded, and refused."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from common.data.images.config import ImageFacts
from common.errors import ConfigError
from common.methods import config
from common.methods.barlow_twins import BarlowTwins
from common.methods.moco import MoCo
from common.methods.simclr import SimCLR
from common.methods.simsiam import SimSiam
from common.methods.supcon import SupCon
from common.methods.supervised import Supervised
from common.training.paper_module import restored
from papers.hydra import Hydra, HydraConfig
from papers.owdfa_cpl.baselines import RankStats
from papers.supremix.baselines import RankNContrast, Regressor
from papers.swav.deepcluster import DeepClusterV2
from tests.own_network import Cells, network
from tests.unit.papers import test_stand_alone as papers

HEAD = {"hidden_dim": 8, "output_dim": 4}


class Words(nn.Module):
    """Texts of ids and mask; it says no width."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(30, 5)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Returns ``(batch, 5)``."""
        return (self.table(ids) * mask[..., None]).sum(1)


def of_shared(kind: Any, method: Any) -> Any:
    def make() -> papers.Made:
        module = kind(method, facts=ImageFacts(num_classes=3), backbone=network())
        return module, (papers.views(), papers.LABELS), (papers.views()[0],)

    make.__name__ = kind.__name__
    return make


SHARED = [
    of_shared(SimCLR, config.SimCLRConfig(**HEAD, zero_init_residual=True)),
    of_shared(MoCo, config.MoCoConfig(**HEAD, queue_length=16, batch_norm_groups=2)),
    of_shared(SimSiam, config.SimSiamConfig(**HEAD, predictor_dim=4)),
    of_shared(BarlowTwins, config.BarlowTwinsConfig(**HEAD)),
    of_shared(SupCon, config.SupConConfig(**HEAD)),
    of_shared(Supervised, config.SupervisedConfig()),
    of_shared(Hydra, HydraConfig(**papers.SMALL_HYDRA)),
]
IMAGES = [papers.swav, papers.amcl, papers.hydra, papers.mcl, *papers.ON_MOCO, *SHARED]
NETWORKS = {
    **{make: lambda: {"backbone": network()} for make in IMAGES},
    papers.pixpro: lambda: {"backbone": Cells()},
    papers.owdfa_cpl: lambda: {"backbone": Cells()},
    papers.supremix: lambda: {"backbone": nn.Linear(5, 6)},
    papers.sirl: lambda: {"backbone": nn.LazyLinear(6)},
    papers.sepclr: lambda: {"backbone": network(), "salient_backbone": network()},
    **{
        make: lambda: {"backbone": network(), "text_backbone": Words()}
        for make in (papers.negclip, papers.clip_rocket, papers.contrastive_gap)
    },
}


def around(make: Any, own: Any) -> papers.Made:
    """Returns what ``make`` makes, around networks of one's ``own``."""
    module, batch, inputs = make()
    kind, told = type(module), module.hparams["facts"]
    facts = told and restored(kind.settings_types()["facts"], told, "facts")
    return kind(module.method, module.optimizer, facts, **own), batch, inputs


@pytest.mark.parametrize("make", NETWORKS, ids=lambda make: make.__name__)
def test_networks_of_ones_own_train_are_saved_and_are_needed_to_load(make, tmp_path):
    torch.manual_seed(0)
    own = NETWORKS[make]()
    module, batch, inputs = around(make, own)
    before = [value.clone() for value in own["backbone"].parameters()]
    trainer = papers.stock_trainer(tmp_path, max_epochs=1)
    trainer.fit(module, papers.loader(batch))
    pairs = zip(before, own["backbone"].parameters(), strict=True)
    assert not all(torch.equal(*pair) for pair in pairs)
    path, kind = trainer.checkpoint_callback.best_model_path, type(module)
    with pytest.raises(ConfigError, match=r"network of your own.*give backbone="):
        kind.load_from_checkpoint(path)
    loaded = kind.load_from_checkpoint(path, **NETWORKS[make]()).eval()
    with torch.no_grad():
        assert torch.equal(loaded(*inputs), module.eval()(*inputs))


def test_the_network_itself_is_trained_and_no_copy():
    own = network()
    assert SimCLR(backbone=own).backbone is own


def test_views_of_two_sizes_pass_it():
    module, _, _ = around(papers.swav, {"backbone": network()})
    small = [torch.rand(8, 3, 12, 12)] * 2
    assert module.training_step([*papers.views(), *small], 0).isfinite()


@pytest.mark.parametrize("kind", [DeepClusterV2, RankNContrast, Regressor])
def test_baselines_of_papers_take_one_too(kind):
    assert kind(backbone=network()).backbone.num_features == 6


@pytest.mark.parametrize("make", [papers.pixpro, papers.owdfa_cpl])
def test_what_compares_cells_says_that_it_needs_a_map(make):
    kind = type(make()[0])
    with pytest.raises(ConfigError, match="no method feature_map"):
        kind(backbone=network())


def test_the_map_of_a_network_is_all_that_rank_statistics_need():
    assert RankStats(backbone=Cells(), method=RankStats.defaults(top_k=2)).head is not None


def test_each_code_of_sepclr_has_a_network_of_its_own():
    kind, own = type(papers.sepclr()[0]), network()
    for given in ({"backbone": own}, {"backbone": own, "salient_backbone": own}):
        with pytest.raises(ConfigError, match="salient_backbone"):
            kind(**given)
