"""Images and texts whose vectors are given, for protocols on both."""

import numpy as np
import torch
from torch import nn

from common.evaluation.pair_inputs import PairInputs
from common.evaluation.tokens import pack_tokens

WORDS = [f"word{place}" for place in range(400)]


class Given:
    """Images that are their own vectors, in batches of three."""

    def __init__(self, vectors):
        self.vectors = vectors
        self.labels = torch.zeros(len(vectors))

    def whole(self, device):
        yield from self.vectors.split(3)

    def pixels(self):
        return self.vectors


class Tables(nn.Module):
    """A text's vector is that of its first token."""

    def __init__(self, table):
        super().__init__()
        self.table = nn.Parameter(table)
        self.batches = 0

    def project_image(self, images):
        self.batches += 1
        return images

    def project_text(self, ids, mask):
        assert mask[:, 0].all()
        return self.table[ids[:, 0]]


def texts(ids):
    return pack_tokens([[each, 399] for each in ids], pad=0)


def encode(sentences):
    return texts([WORDS.index(sentence.split()[0].strip(",")) for sentence in sentences])


def make(images, table, owner=None, module=True, **more):
    """Returns inputs of ``images`` and captions 0, 1, ...; row i of ``table`` is text i."""
    table = torch.as_tensor(table, dtype=torch.float32)
    table = torch.cat([table, torch.ones(400 - len(table), table.shape[1])])
    owner = np.arange(len(images)) if owner is None else np.array(owner)
    return PairInputs(
        Tables(table) if module else None,
        Given(torch.as_tensor(images, dtype=torch.float32)),
        texts(range(len(owner))),
        owner,
        encode,
        context=8,
        num_words=400,
        **more,
    )


def random(count, dim=6, seed=3):
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed))
