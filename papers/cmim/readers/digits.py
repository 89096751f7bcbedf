"""scikit-learn's handwritten digits as they are, of 8 x 8 pixels."""

import torch
from sklearn.datasets import load_digits

from common.data.images.sets import ImageSet, Split
from common.distributed.draws import keyed_generator

NUM_TRAIN, SPLIT_SEED = 1297, 0


def digits(root: str | None = None) -> ImageSet:
    """Reads 1,297 training and 500 test images (1, 8, 8), split at random.

    Args:
        root: Not used: the digits come with scikit-learn.
    """
    ink, labels = load_digits(return_X_y=True)
    images = torch.from_numpy(ink).mul(255 / 16).round().to(torch.uint8).reshape(-1, 1, 8, 8)
    whole = Split(images, torch.from_numpy(labels).long())
    order = torch.randperm(len(images), generator=keyed_generator(SPLIT_SEED))
    return {"train": whole.rows(order[:NUM_TRAIN]), "test": whole.rows(order[NUM_TRAIN:])}
