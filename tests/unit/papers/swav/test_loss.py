import pytest
import torch

from papers.swav.loss import (
    assign,
    normalise_rows,
    push,
    queue_is_full,
    swapped_prediction,
)


def make_scores(views: int = 4, batch: int = 6, prototypes: int = 5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(views, batch, prototypes, generator=generator, dtype=torch.float64)


def test_equal_embeddings_give_ln_k():
    scores = torch.full((2, 6, 5), 0.3)
    codes = torch.stack([assign(scores[v], 0.05, 3) for v in (0, 1)])
    loss = swapped_prediction(scores, codes, [0, 1], 0.1)
    torch.testing.assert_close(loss, torch.tensor(5.0).log())


def test_hard_codes_are_one_hot_at_the_soft_ones_largest_entry():
    scores = make_scores()[0]
    hard, soft = assign(scores, 0.05, 3, hard=True), assign(scores, 0.05, 3)
    assert hard.sum(1).tolist() == [1] * 6
    assert torch.equal(hard.argmax(1), soft.argmax(1))
    assert hard.dtype == soft.dtype


def test_without_equipartition_the_code_is_a_softmax():
    scores = make_scores()[0]
    plain = assign(scores, 0.03, 3, equipartition=False)
    torch.testing.assert_close(plain, torch.softmax(scores / 0.03, dim=1))


def test_codes_carry_no_gradient():
    scores = make_scores().requires_grad_()
    for equipartition in (True, False):
        assert not assign(scores[0], 0.05, 3, equipartition=equipartition).requires_grad


def test_rows_are_normalised_in_place_without_autograd():
    weight = torch.nn.Parameter(torch.rand(3, 4))
    version = weight.data_ptr()
    normalise_rows(weight)
    torch.testing.assert_close(weight.norm(dim=1), torch.ones(3))
    assert weight.is_leaf and weight.data_ptr() == version


@pytest.mark.parametrize("batch", [2, 3, 6, 8])
def test_the_newest_batch_is_in_front(batch):
    queue, pushed = torch.zeros(6, 2), torch.zeros(0, 2)
    for step in range(1, 5):
        z = torch.full((batch, 2), float(step)) + torch.arange(batch)[:, None] / 100
        push(queue, z)
        pushed = torch.cat([z, pushed])
        expected = torch.cat([pushed, torch.zeros(6, 2)])[:6]
        torch.testing.assert_close(queue, expected)
        assert queue_is_full(queue) == (step * batch >= 6)
