import numpy as np
import pytest
import torch

from common.data.graphs.operators import MeanOperator, make_operator


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


def test_mean_of_operators():
    first, second = random_matrix(0.1), random_matrix(0.9)
    mean = MeanOperator((make_operator(first), make_operator(second)))
    x = torch.randn(5, 3)
    expected = torch.from_numpy((first + second) / 2).float() @ x
    torch.testing.assert_close(mean @ x, expected)
