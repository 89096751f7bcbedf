"""A split of images with texts as protocols take it."""

import torch
from torchvision.transforms.v2 import functional as F

from common.data.image_text.sets import Captioned, CaptionedSet, Labelled, without_labels
from common.data.image_text.tokenizers import PairTokenizer
from common.data.images.config import ImageConfig
from common.data.images.evaluation import EvaluatedImages
from common.data.images.lazy import AnySplit
from common.data.images.loading import CentreCrop
from common.evaluation.pair_inputs import CaptionedImages, Classes, FalseCaptions, PairInputs
from common.evaluation.tokens import TokenStore

# Training pairs that a protocol sees at most.
MOST_TRAINING_PAIRS = 5_000


class TestedImages(EvaluatedImages):
    """Images in the form in which they are tested, whether they have labels or not.

    As CLIP's own the shorter side is scaled bicubically.
    """

    def __init__(self, images: AnySplit, config: ImageConfig) -> None:
        super().__init__(without_labels(images), config)
        self._test_form = CentreCrop(
            config.test_resize, config.test_crop, F.InterpolationMode.BICUBIC
        )


def pair_inputs(
    found: CaptionedSet,
    split: str,
    training: TokenStore,
    tokenizer: PairTokenizer,
    views: ImageConfig,
    context: int,
) -> PairInputs:
    """Returns what protocols measure by on ``split``, without a module.

    Args:
        found: The set.
        split: One that is held out.
        training: The training captions as tokens.
        tokenizer: Tokenizer of the run.
        views: How images are tested.
        context: The most tokens of a text.
    """
    part = found.held_out[split]
    return PairInputs(
        None,
        TestedImages(part.images, views),
        tokenizer.encode(part.captions),
        part.owner,
        tokenizer.encode,
        context,
        tokenizer.num_words,
        _choices(part, tokenizer),
        None if found.classes is None else _classes(found.classes, views),
        part.labels,
        _pairs(found.train, training, views),
        part.truths,
    )


def _choices(part: Captioned, tokenizer: PairTokenizer) -> dict[str, FalseCaptions]:
    groups = part.groups
    return {
        kind: FalseCaptions(
            tokenizer.encode(each.texts), each.of, None if groups is None else groups[each.of]
        )
        for kind, each in part.kinds.items()
    }


def _classes(found: Labelled, views: ImageConfig) -> Classes:
    images = TestedImages(found.images, views)
    return Classes(images, found.labels, found.names, found.prompts)


def _pairs(train: Captioned, captions: TokenStore, views: ImageConfig) -> CaptionedImages:
    """Returns the first training pairs."""
    owner = train.owner[:MOST_TRAINING_PAIRS]
    images = TestedImages(train.images.rows(torch.arange(int(owner[-1]) + 1)), views)
    labels = None if train.labels is None else train.labels[: len(images)]
    return CaptionedImages(images, captions.head(MOST_TRAINING_PAIRS), owner, labels)
