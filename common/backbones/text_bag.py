"""An encoder of texts that cannot know the order of words: the control for tests of order."""

from torch import Tensor, nn

from common.backbones.text_tower_config import TextTowerConfig


class TextBag(nn.Module):
    """The mean of a text's word vectors, and two linear layers with ReLU between.

    Args:
        num_words: In the vocabulary.
        context: Not used; every encoder of texts is built with it.
        config: ``width`` is of vectors and layers.
    """

    def __init__(self, num_words: int, context: int, config: TextTowerConfig) -> None:
        super().__init__()
        self.num_features = width = config.width
        self.words = nn.Embedding(num_words, width)
        self.layers = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Returns features, ``(batch, width)``, of ids and mask, both ``(batch, tokens)``."""
        shares = mask / mask.sum(1, keepdim=True)
        mean = (self.words(ids) * shares[..., None].to(self.words.weight.dtype)).sum(1)
        return self.layers(mean)
