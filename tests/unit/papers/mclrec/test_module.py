import pytest
import torch

from common.data.sequences.config import SequenceConfig, SequenceFacts
from common.data.sequences.module import SequenceData
from common.errors import ConfigError
from papers.mclrec.config import MCLRecConfig
from papers.mclrec.loss import contrast, pair_scores
from papers.mclrec.module import MCLRec

SMALL = {"dim": 8, "inner_dim": 16, "contrast_weight": 0.1, "augmented_weight": 0.3}


def make_data(batch_size=16, num_users=40):
    config = SequenceConfig(num_users=num_users, batch_size=batch_size, max_length=12)
    data = SequenceData(config, seed=0)
    data.load()
    return data


def make_batch(data, index=0):
    batches = iter(data.train_dataloader())
    for _ in range(index):
        next(batches)
    return data.on_after_batch_transfer(next(batches), 0)


def make_module(**changes):
    torch.manual_seed(0)
    method = MCLRecConfig(**({"dropout": 0.0} | SMALL | changes))
    return MCLRec(method, facts=SequenceFacts(1000, 12)).double()


def moved(module, before):
    return {n.split(".")[0] for n, p in module.named_parameters() if not p.equal(before[n])}


def snapshot(module):
    return {name: p.detach().clone() for name, p in module.named_parameters()}


def test_the_encoder_and_the_augmenters_learn_in_turn():
    module, batch = make_module(), make_batch(make_data())
    encoder, augmenters = module.configure_optimizers()
    before = snapshot(module)
    module.update_encoder(batch, encoder)
    assert moved(module, before) == {"encoder"}
    before = snapshot(module)
    module.update_augmenters(batch, augmenters)
    assert moved(module, before) == {"augmenters"}


def test_frozen_augmenters_pass_gradient_to_the_encoder():
    batch = make_batch(make_data())
    gradients = []
    for weight in (0.0, 0.3):
        module = make_module(contrast_weight=0.1, augmented_weight=weight)
        module.update_encoder(batch, torch.optim.SGD(module.encoder.parameters(), lr=0.0))
        assert all(p.grad is None for p in module.augmenters.parameters())
        gradients.append(module.encoder.position_embedding.weight.grad.clone())
    assert not torch.allclose(*gradients)


def test_joint_updates_everything_at_once():
    module, batch = make_module(scheme="joint"), make_batch(make_data())
    (optimizer,) = module.configure_optimizers()
    before = snapshot(module)
    module.update_jointly(batch, optimizer)
    assert moved(module, before) == {"encoder", "augmenters"}


@pytest.mark.parametrize(("epoch", "part"), [(0, "encoder"), (1, "augmenters"), (2, "encoder")])
def test_the_papers_two_loops_take_an_epoch_each(epoch, part):
    module, batch = make_module(scheme="two-loop"), make_batch(make_data())
    optimizers = module.configure_optimizers()
    module.optimizers = lambda: optimizers
    before = snapshot(module)
    module.training_step(batch._replace(position=(epoch, *batch.position[1:])), 0)
    assert moved(module, before) == {part}


def test_two_directions_count_twice():
    batch, values = make_batch(make_data()), {}
    for name, changes in {
        "code": {},
        "sum": {"directions": "sum"},
        "none": {"contrast_weight": 0.0, "augmented_weight": 0.0},
    }.items():
        module = make_module(regulariser_weight=0.0, **changes)
        values[name] = module.encoder_loss(batch).item()
    # Without R the contrast is all that exceeds L_rec, and counts twice.
    assert values["sum"] - values["none"] == pytest.approx(2 * (values["code"] - values["none"]))


def test_augmented_vectors_have_unit_length_unless_told_otherwise():
    h = torch.randn(5, 8, dtype=torch.float64)
    unit, free = (make_module(unit_length=flag).augmenters[0] for flag in (True, False))
    assert unit(h).norm(dim=1).allclose(torch.ones(5, dtype=torch.float64))
    assert torch.nn.functional.normalize(free(h), dim=1).allclose(unit(h))
    assert not free(h).allclose(unit(h))


def test_one_step_lowers_the_same_loss():
    module, batch = make_module(), make_batch(make_data())
    optimizer = torch.optim.SGD(module.encoder.parameters(), lr=0.05)
    losses = [module.update_encoder(batch, optimizer) for _ in range(3)]
    assert losses[0] > losses[1] > losses[2]


def test_a_shared_augmenter_is_one_set_of_parameters():
    apart, shared = make_module(), make_module(shared_augmenter=True)
    count = [sum(p.numel() for p in m.augmenters.parameters()) for m in (apart, shared)]
    assert count[0] == 2 * count[1]
    shared.load_state_dict(shared.state_dict())


def test_the_regulariser_can_be_left_out_and_has_two_forms():
    batch, values = make_batch(make_data()), []
    for changes in ({"regulariser_weight": 0.0}, {}, {"regulariser": "global"}):
        values.append(make_module(**changes).encoder_loss(batch).item())
    assert len(set(values)) == 3


def test_the_papers_schemes_weight_the_regulariser_by_beta_in_both_stages():
    batch, values = make_batch(make_data()), {}
    for scheme in ("three-step", "two-stage", "two-loop"):
        for weight in (0.0, 0.1):
            module = make_module(scheme=scheme, regulariser_weight=weight)
            still = torch.optim.SGD(module.augmenters.parameters(), lr=0.0)
            values[scheme, weight] = module.update_augmenters(batch, still)
    assert values["two-loop", 0.1] == values["two-stage", 0.1]
    code, paper = (values[s, 0.1] - values[s, 0.0] for s in ("three-step", "two-stage"))
    assert paper.item() == pytest.approx(0.3 * code.item())


@pytest.mark.parametrize("scheme", ["three-step", "two-stage", "two-loop"])
def test_gamma_can_be_set_apart_from_the_scheme(scheme):
    batch, values = make_batch(make_data()), {}
    for form, weight in (("code", 0.0), ("code", 0.1), ("paper", 0.1), ("by-scheme", 0.1)):
        module = make_module(scheme=scheme, augmenter_regulariser=form, regulariser_weight=weight)
        still = torch.optim.SGD(module.augmenters.parameters(), lr=0.0)
        values[form, weight] = module.update_augmenters(batch, still).item()
    none, code, paper, default = values.values()
    assert paper - none == pytest.approx(0.3 * (code - none))
    assert default == (code if scheme == "three-step" else paper)


def test_without_contrast_the_views_are_not_encoded():
    module, batch = make_module(contrast_weight=0.0, augmented_weight=0.0), make_batch(make_data())
    without_views = batch._replace(views=batch.views.fill_(10**9))
    assert module.encoder_loss(without_views).isfinite()


def test_without_learned_contrast_no_augmenter_is_asked():
    module, batch = make_module(scheme="joint", augmented_weight=0.0), make_batch(make_data())
    for augmenter in module.augmenters:
        augmenter.forward = None
    h, h1, h2 = (
        module.embed(items, lengths)
        for items, lengths in (
            (batch.items, batch.lengths),
            *zip(batch.views, batch.view_lengths, strict=True),
        )
    )
    expected = module.recommendation_loss(h, batch.targets) + 0.1 * contrast(pair_scores(h1, h2))
    assert module.encoder_loss(batch).item() == pytest.approx(expected.item(), rel=1e-12)


def test_heads_must_divide_the_width():
    with pytest.raises(ConfigError, match=r"method.num_heads.*3.*method.dim=8"):
        make_module(num_heads=3)
