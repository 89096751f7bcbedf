import pytest
import torch

from papers.mclrec.backbone import SequenceTransformer


def encoder(dropout=0.0, **changes):
    torch.manual_seed(0)
    sizes = {"dim": 16, "inner_dim": 32, "num_heads": 2, "init_std": 0.5} | changes
    return SequenceTransformer(30, 10, dropout=dropout, **sizes).double()


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    lengths = torch.tensor([1, 10, 3, 3, 7, 2, 9])
    items = torch.randint(1, 31, (7, 10), generator=generator)
    items[torch.arange(10) >= lengths[:, None]] = 0
    return items, lengths


def test_parameters_of_the_official_beauty_model():
    model = SequenceTransformer(12101, 50)
    assert sum(p.numel() for p in model.parameters()) == 877_888


@pytest.mark.parametrize("groups", [2, 3, 7, 20])
def test_groups_of_like_lengths_give_the_padded_result(batch, groups):
    model = encoder()
    together = model(*batch)
    assert torch.allclose(model(*batch, groups), together, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("groups", [3])
def test_groups_give_the_padded_gradients(batch, groups):
    model, weight = encoder(), torch.randn(7, 16, dtype=torch.float64)
    gradients = []
    for number in (1, groups):
        loss = (model(*batch, number) * weight).sum()
        gradients.append(torch.autograd.grad(loss, list(model.parameters())))
    for one, other in zip(*gradients, strict=True):
        assert torch.allclose(one, other, rtol=1e-10, atol=1e-12)


def test_what_follows_the_last_position_is_not_seen(batch):
    items, lengths = batch
    model = encoder()
    changed = items.clone()
    changed[torch.arange(10) >= lengths[:, None]] = 5
    assert torch.allclose(model(changed, lengths), model(items, lengths))


def test_earlier_items_and_their_order_are_seen(batch):
    items, lengths = batch
    model = encoder()
    swapped = items.clone()
    swapped[1, [0, 1]] = items[1, [1, 0]]
    assert not torch.allclose(model(swapped, lengths)[1], model(items, lengths)[1])


def test_only_the_order_of_a_masked_item_is_invisible():
    # Item 0 within a sequence is masked as a key; which item stood there cannot matter.
    model = encoder()
    with torch.no_grad():
        model.item_embedding.weight[0].normal_()
    lengths = torch.tensor([4])
    before = model(torch.tensor([[3, 0, 8, 2]]), lengths)
    with torch.no_grad():
        model.item_embedding.weight[0].normal_()
    assert torch.allclose(model(torch.tensor([[3, 0, 8, 2]]), lengths), before)


def test_a_view_that_begins_with_masked_items_stays_finite():
    model = encoder()
    h = model(torch.tensor([[0, 0, 8, 2]]), torch.tensor([4]))
    h.sum().backward()
    assert h.isfinite().all()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_looking_row_0_up_gives_no_gradient_but_scoring_it_does():
    model = encoder()
    h = model(torch.tensor([[4, 0]]), torch.tensor([2]))
    h.sum().backward()
    assert model.item_embedding.weight.grad[0].eq(0).all()
    (h.detach() @ model.item_table().T).sum().backward()
    assert model.item_embedding.weight.grad[0].ne(0).any()


def test_dropout_only_in_training(batch):
    model = encoder(dropout=0.5)
    assert not torch.equal(model(*batch), model(*batch))
    model.eval()
    assert torch.equal(model(*batch), model(*batch))


def test_the_item_table_leaves_the_spare_row_out():
    assert encoder().item_table().shape == (31, 16)
