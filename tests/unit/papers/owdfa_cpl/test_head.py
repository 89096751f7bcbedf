import pytest
import torch

from papers.owdfa_cpl.head import CPLHead, patch_pool


def test_a_map_too_small_for_its_patches_is_refused():
    with pytest.raises(ValueError, match="2 x 8 has no 3 x 3"):
        patch_pool(torch.zeros(1, 1, 2, 8), 3)


def test_each_patch_has_statistics_of_its_own():
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(16, 4, 6, 6, generator=generator)
    maps[..., :2] = maps[..., :2] * 5 + 3
    parts = CPLHead(4, 7, parts=3, dropout=0.0).embed_parts(maps)
    assert parts.shape == (16, 4, 9)
    torch.testing.assert_close(parts.mean(0), torch.zeros(4, 9), atol=1e-5, rtol=0)
    torch.testing.assert_close(parts.var(0, correction=0), torch.ones(4, 9), atol=1e-3, rtol=0)


def test_what_is_trained_and_what_is_not():
    head = CPLHead(4, 7, parts=3, dropout=0.0)
    trained = {name for name, weight in head.named_parameters() if weight.requires_grad}
    assert trained == {"norm.weight", "classifier.weight"}
    maps = torch.randn(5, 4, 6, 6, requires_grad=True)
    assert not head.embed_parts(maps).requires_grad
    assert 0 < head.classifier.weight.std() < 0.002


def test_dropout_is_of_training_only():
    head = CPLHead(400, 3, parts=1, dropout=0.5)
    g = torch.ones(1, 400)
    assert not torch.equal(head.classify(g), head.classify(g))
    head.eval()
    assert torch.equal(head.classify(g), head.classify(g))
