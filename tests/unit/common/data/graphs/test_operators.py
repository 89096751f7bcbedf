import numpy as np
import pytest
import torch

from common.data.graphs.operators import make_operator, repeat_rows


def random_matrix(density):
    generator = np.random.default_rng(0)
    return generator.random((7, 5)) * (generator.random((7, 5)) < density)


@pytest.mark.parametrize("density", [0.1, 0.9])
def test_product_and_gradient_equal_the_dense_matrix(density):
    matrix = random_matrix(density)
    operator = make_operator(matrix, torch.float64)
    assert (operator.forward.layout == torch.sparse_csr) == (density < 0.25)
    x = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    y = x.detach().clone().requires_grad_()
    (operator @ x).square().sum().backward()
    (torch.from_numpy(matrix) @ y).square().sum().backward()
    torch.testing.assert_close(x.grad, y.grad)


def test_a_dense_matrix_is_held_once_on_every_device():
    here = make_operator(random_matrix(0.9))
    assert here.backward.data_ptr() == here.forward.data_ptr()
    away = here.to(torch.device("meta"))
    assert away.backward.device.type == "meta" and away.backward.shape == (5, 7)
    # Two tensors of one storage would be copied one by one.
    assert away.backward._base is away.forward


@pytest.mark.parametrize("density", [0.1, 0.9])
def test_repeated_rows_and_their_gradient_equal_the_whole_matrix(density):
    matrix, place = random_matrix(density), np.array([6, 0, 0, 3, 6, 6, 1, 2, 0, 3, 3])
    operator = repeat_rows(make_operator(matrix, torch.float64), place)
    operator = operator.to(torch.device("cpu"))
    x = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    y = x.detach().clone().requires_grad_()
    product, expected = operator @ x, torch.from_numpy(matrix[place]) @ y
    torch.testing.assert_close(product, expected)
    product.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(x.grad, y.grad)
