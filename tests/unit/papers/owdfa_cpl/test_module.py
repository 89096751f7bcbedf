"""The step against its losses, its switches, its state, and the arms beside it."""

import math

import pytest
import torch
import torch.nn.functional as F

from common.config.schema import OptimizerConfig
from common.data.sampler import BatchKey
from common.data.targets.open_world.batch import OpenWorldBatch
from common.data.targets.open_world.config import OpenWorldFacts
from common.distributed.draws import keyed_generator
from common.errors import ConfigError, DataError
from papers.owdfa_cpl import baselines
from papers.owdfa_cpl.baselines import (
    ORCA,
    Classifier,
    RankStats,
    nearest_rows,
    same_strongest,
)
from papers.owdfa_cpl.config import ClassifierConfig, CPLConfig, ORCAConfig, RankStatsConfig
from papers.owdfa_cpl.loss import (
    confidence_weighted,
    gumbel,
    margin_cross_entropy,
    mean_entropy,
    pair_consistency,
    soft_labels,
)
from papers.owdfa_cpl.module import CPL
from papers.owdfa_cpl.voting import vote
from tests.training import listen, losses_of

FACTS = OpenWorldFacts(3, 32, 6, 3, 20, 12)
SMALL = {"backbone": "forensic_conv", "dropout": 0.0, "parts": 2}
ADAM = OptimizerConfig(name="adam", lr=1e-3)


def make_batch(epoch=0, batch=0):
    generator = torch.Generator().manual_seed(batch)
    images = torch.rand(8, 3, 32, 32, generator=generator, dtype=torch.float64)
    labels, places = torch.tensor([0, 1, 2, 1]), torch.tensor([3, 11, 0, 5])
    return OpenWorldBatch(
        images, labels, places, torch.arange(8), BatchKey(torch.arange(8), epoch, batch, 0, 8)
    )


def make(kind=CPL, config=CPLConfig, **options):
    torch.manual_seed(0)
    settings = {**SMALL, **options}
    if config is not CPLConfig:
        settings.pop("parts")
    return kind(config(**settings), ADAM, FACTS).double()


@pytest.mark.parametrize(("size", "least", "stem"), [(64, 65, "imagenet"), (16, 17, "cifar")])
def test_images_too_small_for_the_parts_are_refused(size, least, stem):
    config = CPLConfig(backbone="resnet18", stem=stem)
    with pytest.raises(ConfigError, match=rf"^data.size={size}: .* use {least} or more"):
        CPL(config, facts=OpenWorldFacts(size=size))
    assert CPL(config, facts=OpenWorldFacts(size=least)).head.parts == 3


def test_a_step_is_the_sum_of_its_losses():
    module, batch = make(), make_batch()
    found = module.training_step(batch, 0)
    again = make().train()
    maps = again.backbone.feature_map(batch.images)
    g, p = again.head.embed(maps), again.head.embed_parts(maps)
    logits, labels = again.head.classify(g), batch.labels
    generator = keyed_generator(int(again.draw_seed), 0)
    votes = vote(g, p, 4)
    partners = torch.cat([again.draw_partners(labels, generator), votes.partners])
    soft = soft_labels(logits[4:], gumbel((4, 6), generator, logits))
    expected = (
        margin_cross_entropy(logits[:4], labels, 0.2)
        + 0.5 * pair_consistency(logits, partners)
        + 0.5 * confidence_weighted(logits[4:], soft, votes.trusted)[0]
        - mean_entropy(logits)
    )
    torch.testing.assert_close(found, expected)
    assert int(module.batches_seen) == 1


@pytest.mark.parametrize(
    "options",
    [
        {"glv_weight": 0.0},
        {"pseudo_weight": 0.0},
        {"entropy_weight": 0.0},
        {"margin": 0.0},
        {"pseudo_labels": "hard"},
        {"pseudo_labels": "hard-weighted"},
        {"pseudo_labels": "fix", "cutoff": 0.2},
        {"pseudo_labels": "flex"},
        {"pretrain_epochs": 1},
    ],
)
def test_every_switch_changes_the_loss(options):
    plain, changed = make().training_step(make_batch(), 0), make(**options)
    assert not torch.isclose(changed.training_step(make_batch(), 0), plain)


def test_hard_labels_may_have_the_weight_and_the_vote_of_soft_ones():
    module, generator = make(pseudo_labels="hard-weighted"), torch.Generator().manual_seed(0)
    logits = torch.randn(4, module.num_heads, generator=generator)
    votes = vote(*features(), 12)
    likeliest, trusted = logits.softmax(1).max(1).values, votes.trusted
    assert trusted.any() and not trusted.all()
    expected = -(trusted * likeliest * likeliest.log()).mean()
    found = module.pseudo_label(logits, votes, torch.arange(4), generator)
    torch.testing.assert_close(found, expected)


def test_the_vote_can_be_left_out():
    seen = [make(vote=name).votes(*features(), 4) for name in ("parts", "always")]
    assert not seen[0].trusted.all() and seen[1].trusted.all()


def features():
    generator = torch.Generator().manual_seed(1)
    g = torch.randn(16, 8, generator=generator)
    return g, torch.randn(16, 8, 4, generator=generator)


def test_gradient_reaches_what_is_trained_and_nothing_else():
    module = make()
    module.training_step(make_batch(), 0).backward()
    for name, parameter in module.named_parameters():
        has = parameter.grad is not None and bool(parameter.grad.abs().sum() > 0)
        assert has == parameter.requires_grad, name


def test_pre_training_sees_labels_only():
    module = make(pretrain_epochs=1)
    loss = module.training_step(make_batch(epoch=0), 0)
    logits = make().train().predict(make_batch().images)[:4]
    torch.testing.assert_close(loss, margin_cross_entropy(logits, make_batch().labels, 0.2))


def test_a_later_round_takes_what_was_given_as_labels():
    plain, staged = make(), make(relabel_epochs=1)
    first = [module.training_step(make_batch(), 0) for module in (plain, staged)]
    torch.testing.assert_close(*first)
    second = [module.training_step(make_batch(epoch=1), 0) for module in (plain, staged)]
    assert not torch.isclose(*second)
    assert int(staged.stages.round) == 1


def test_all_state_is_there_from_the_start():
    module = make(pseudo_labels="flex", relabel_epochs=1)
    names = set(module.state_dict())
    module.training_step(make_batch(), 0)
    assert set(module.state_dict()) == names
    assert {"rule.slots", "stages.latest", "stages.given", "stages.round", "draw_seed"} <= names


def test_draws_are_a_function_of_seed_and_position():
    losses = [make().training_step(make_batch(), 0) for _ in range(2)]
    assert losses[0] == losses[1]
    moved = make()
    moved.batches_seen += 7
    assert moved.training_step(make_batch(), 0) != losses[0]


def test_what_is_logged_says_how_votes_and_heads_stand():
    module = make()
    logged = listen(module)
    module.training_step(make_batch(), 0)
    assert {"train/loss", "train/glv", "diag/trusted", "diag/heads_used"} <= set(logged)
    assert 0 <= logged["diag/trusted"] <= 1 <= logged["diag/heads_used"] <= 6


def test_fewer_heads_than_classes_are_refused():
    with pytest.raises(ConfigError, match=r"num_heads=5.*6.*3"):
        make(num_heads=5)
    assert make(num_heads=9).head.classifier.weight.shape[0] == 9


def test_more_strongest_features_than_there_are_are_refused():
    with pytest.raises(ConfigError, match=r"top_k=999: .*forensic_conv has \d+ features"):
        make(RankStats, RankStatsConfig, top_k=999)


def test_a_step_under_autocast_votes_and_pairs_in_single_precision(monkeypatch):
    g, p = features()
    expected = vote(g, p, 4)
    module, batch = make(RankStats, RankStatsConfig).float(), make_batch()
    with torch.autocast("cpu", torch.bfloat16):
        for got, wanted in zip(vote(g, p, 4), expected, strict=True):
            assert torch.equal(got, wanted) and got.dtype == wanted.dtype
        seen, call = [], F.binary_cross_entropy

        def look(agreement, same):
            seen.append((agreement.dtype, torch.is_autocast_enabled("cpu")))
            return call(agreement, same)

        monkeypatch.setattr(F, "binary_cross_entropy", look)
        module.training_step(batch._replace(images=batch.images.float()), 0)
    assert seen == [(torch.float32, False)]


def test_a_backbone_without_a_map_is_refused():
    with pytest.raises(ConfigError, match="small_grid"):
        make(backbone="small_grid")


def test_weights_to_start_from(tmp_path):
    donor, path = make(), tmp_path / "backbone.pt"
    with torch.no_grad():
        donor.backbone.layers[0].weight += 1
    weights = donor.backbone.state_dict()
    torch.save({**weights, "fc.weight": torch.zeros(1)}, path)
    loaded = make(initial_weights=str(path))
    torch.testing.assert_close(loaded.backbone.layers[0].weight, donor.backbone.layers[0].weight)
    torch.save({**weights, "layers.0.weight": torch.zeros(1)}, path)
    with pytest.raises(DataError, match=r"layers\.0\.weight.*1"):
        make(initial_weights=str(path))
    weights.pop("layers.3.weight")
    torch.save(weights, path)
    with pytest.raises(DataError, match=r"layers\.3\.weight"):
        make(initial_weights=str(path))


@pytest.mark.parametrize(
    ("kind", "config"),
    [(Classifier, ClassifierConfig), (ORCA, ORCAConfig), (RankStats, RankStatsConfig)],
)
def test_what_it_is_set_beside_takes_steps(kind, config):
    module, batch = make(kind, config), make_batch()
    losses = losses_of(module, [batch] * 8)
    assert losses[-1] < losses[0] and int(module.batches_seen) == 8
    assert module.predict(batch.images).shape == (8, 6)
    assert kind().num_heads == 20


def test_the_lower_bound_looks_at_labelled_rows_only():
    batch = make_batch()
    other = batch._replace(images=torch.cat([batch.images[:4], batch.images[4:] * 0]))
    losses = [make(Classifier, ClassifierConfig).training_step(b, 0) for b in (batch, other)]
    assert losses[0] == losses[1]


def test_orcas_free_rows_have_the_nearest_other_row_as_partner():
    rows = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.9, 0.1], [-1.0, 0.2]])
    assert nearest_rows(rows, 2).tolist() == [0, 1]


def test_orcas_margin_eases_known_classes_by_the_doubt_of_free_rows(monkeypatch):
    module, batch = make(ORCA, ORCAConfig, pair_weight=0.0, entropy_weight=0.0), make_batch()
    known = module.predict(batch.images).detach()[:4]
    for doubt, margin in ((0.3, 3.0), (0.8, 5.0)):
        # Scores of free rows whose largest probability is 1 - doubt.
        free = F.one_hot(torch.zeros(4).long(), 6) * math.log((1 - doubt) / (doubt / 5))
        monkeypatch.setattr(module, "scores", lambda g, f=free: torch.cat([known, f]))
        wanted = F.cross_entropy(known + margin * F.one_hot(batch.labels, 6), batch.labels)
        torch.testing.assert_close(module.training_step(batch, 0), wanted)


def test_rank_statistics_forget_the_order_of_the_strongest():
    rows = torch.tensor([[5.0, 4, 0, 1], [4.0, 5, 1, 0], [0.0, 5, 4, 0]])
    expected = [[True, True, False], [True, True, False], [False, False, True]]
    assert same_strongest(rows, 2).tolist() == expected


def test_rank_statistics_are_of_what_is_pooled_before_the_batch_norm(monkeypatch):
    module, batch, seen = make(RankStats, RankStatsConfig), make_batch(), []
    monkeypatch.setattr(
        baselines, "same_strongest", lambda rows, k: seen.append(rows) or same_strongest(rows, k)
    )
    module.training_step(batch, 0)
    wanted = module.backbone(batch.images)[4:].relu()
    torch.testing.assert_close(seen[0], wanted)
