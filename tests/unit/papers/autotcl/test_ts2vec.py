import pytest
import torch

from common.config.recipe import load_recipe
from common.data.series.config import SeriesFacts
from common.data.series.module import SeriesData
from common.errors import ConfigError
from common.training.position import Position
from papers.autotcl.config import TS2VecConfig
from papers.autotcl.ts2vec import TS2Vec, take
from tests.training import quiet_trainer


def make(**options):
    torch.manual_seed(0)
    config = TS2VecConfig(hidden_dim=4, depth=1, output_dim=5, **options)
    return TS2Vec(config, None, SeriesFacts(2, 24, 8))


def test_crops_overlap_where_they_are_compared():
    module, widths = make(), set()
    for seen in range(200):
        module.batches_seen.fill_(seen)
        (first, length1), (second, length2), overlap = module.draw_crops(3, 24)
        assert 2 <= overlap <= min(length1, length2)
        # Same steps: the end of the first crop, the beginning of the second.
        assert torch.equal(first + length1 - overlap, second)
        for starts, length in ((first, length1), (second, length2)):
            assert starts.min() >= 0 and int(starts.max()) + length <= 24
        widths.add(overlap)
    assert {2, 24} <= widths and len(widths) > 15
    later = make(temporal_from=2)
    assert min(later.draw_crops(3, 24)[2] for _ in range(3)) >= 8


def test_stretches_are_taken_from_each_series():
    x = torch.arange(20.0).view(2, 10, 1)
    found = take(x, torch.tensor([3, 0]), 4)
    assert found[..., 0].tolist() == [[3, 4, 5, 6], [10, 11, 12, 13]]


def train(num_batches, saved=None, resumed=None):
    torch.set_num_threads(1)
    recipe = load_recipe("autotcl/quick:ts2vec", [])
    data = SeriesData(recipe.data, recipe.seed)
    torch.manual_seed(recipe.seed)
    module = TS2Vec(recipe.method, recipe.optimizer, data.facts)
    trainer = quiet_trainer(max_epochs=num_batches, callbacks=[Position()])
    trainer.fit(module, datamodule=data, ckpt_path=resumed)
    if saved:
        trainer.save_checkpoint(saved)
    return module


def test_steps_move_the_weights_and_their_mean_lags_behind(tmp_path):
    one, two = train(1, saved=tmp_path / "one.ckpt"), train(2)
    assert int(two.batches_seen) == 2
    for first, second, mean in zip(
        one.encoder.parameters(),
        two.encoder.parameters(),
        two.average.parameters(),
        strict=True,
    ):
        if first.ndim > 1:
            assert not torch.equal(first, second)
        assert not torch.equal(second, mean) or torch.equal(first, second)
    # A run that stops and goes on is the one that never stopped.
    again, whole = train(2, resumed=tmp_path / "one.ckpt").state_dict(), two.state_dict()
    assert all(torch.equal(again[name], value) for name, value in whole.items())


def test_its_representation_is_the_trunks():
    module, x = make().eval(), torch.randn(2, 24, 2)
    assert module.embed(x).shape == (2, 24, 5)
    torch.testing.assert_close(module.embed_last(x), module.embed(x)[:, -1])
    assert not hasattr(module, "mask_scores")


def test_crops_that_cannot_be_are_refused():
    with pytest.raises(ConfigError, match=r"method\.temporal_from=9"):
        load_recipe("autotcl/quick:ts2vec", ["method.temporal_from=9"])
    with pytest.raises(ConfigError, match=r"temporal_from=1.*4.*3"):
        TS2Vec(TS2VecConfig(temporal_from=1), None, SeriesFacts(1, 3, 8))
    with pytest.raises(ConfigError, match=r"trainer\.devices.*ts2vec"):
        load_recipe("autotcl/quick:ts2vec", ["trainer.devices=2"])
