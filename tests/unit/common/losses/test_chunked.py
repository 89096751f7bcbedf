import torch

from common.losses.chunked import sum_over_row_chunks


def row_loss(rows, a, b):
    return torch.logsumexp(a[rows] @ b.T, 1).sum()


def test_equals_the_whole_matrix_in_value_and_gradient():
    a, b = torch.randn(2, 11, 4, dtype=torch.float64).unbind()
    whole = [a.clone().requires_grad_(), b.clone().requires_grad_()]
    chunked = [a.clone().requires_grad_(), b.clone().requires_grad_()]
    expected = row_loss(slice(None), *whole)
    got = sum_over_row_chunks(row_loss, 11, 3, *chunked)
    (2 * expected).backward()
    (2 * got).backward()
    torch.testing.assert_close(got, expected)
    for mine, theirs in zip(chunked, whole, strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad)


def test_a_tensor_without_gradient_stays_without():
    a, b = torch.randn(5, 2, requires_grad=True), torch.randn(5, 2)
    sum_over_row_chunks(row_loss, 5, 2, a, b).backward()
    assert a.grad is not None and b.grad is None


def test_without_gradient_only_the_value_is_computed():
    a, b = torch.randn(5, 2, requires_grad=True), torch.randn(5, 2)
    with torch.no_grad():
        loss = sum_over_row_chunks(row_loss, 5, 2, a, b)
    assert not loss.requires_grad
