import torch

from common.distributed.draws import keyed_generator


def test_keyed_generator_is_a_function_of_its_key():
    def draw(*key):
        return torch.rand(4, generator=keyed_generator(*key))

    assert torch.equal(draw(1, 2, 3), draw(1, 2, 3))
    neighbours = [draw(1, 2, 3), draw(1, 2, 4), draw(1, 3, 3), draw(2, 2, 3), draw(3, 2, 1)]
    for i, a in enumerate(neighbours):
        for b in neighbours[i + 1 :]:
            assert not torch.equal(a, b)
