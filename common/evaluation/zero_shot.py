"""Classes of images by what is nearest among texts about the classes."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from common.evaluation.accuracy import percent_equal
from common.evaluation.config import require_part
from common.evaluation.pair_config import ZeroShotConfig
from common.evaluation.pair_inputs import Classes, PairInputs
from common.evaluation.retrieval import mean_by
from common.evaluation.scores import keep
from common.losses.precision import unit
from common.registry import READERS

# For a pair of classes, the lower number first: the rows of the texts that tell the lower one from
# the higher one, and the other way round.
Told = Mapping[tuple[int, int], tuple[Sequence[int], Sequence[int]]]


def evaluate_zero_shot(inputs: PairInputs, settings: ZeroShotConfig, seed: int) -> dict[str, float]:
    """Returns ``zero_shot_top1`` and ``zero_shot_class_mean`` in per cent.

    The second is the mean over classes of the share that is right. A reference that learns
    nothing is not measured.

    Args:
        inputs: With classes.
        settings: The head and its table.
        seed: Not used: nothing is drawn.

    Raises:
        ConfigError: The data have no classes.
        DataError: A table of another form, or of other classes.
    """
    classes: Classes = require_part(inputs.classes, "zero-shot", "images with classes")
    if inputs.module is None:
        return {}
    images, labels = inputs.image_vectors(classes.images), torch.from_numpy(classes.labels)
    if settings.head == "descriptors":
        table = READERS.get("class-descriptions")(settings.table, classes.names)
        each = [[class_description(name, text) for text in table[name]] for name in table]
        how = settings.aggregate
    else:
        each = [[prompt.format(name) for prompt in classes.prompts] for name in classes.names]
        how = "similarity"
    of = torch.tensor([place for place, own in enumerate(each) for _ in own])
    vectors = _embed(inputs, [text for own in each for text in own])
    found = class_scores(images, vectors, of, how)
    keep("zero-shot", found)
    predicted = found.argmax(1)
    if settings.head == "differential":
        pairs = READERS.get("class-differences")(settings.table, len(classes.names))
        texts, told = _tell_apart(pairs)
        prompts = unit(mean_by(unit(vectors), of))
        best, scores = differential(images, prompts, _embed(inputs, texts), told, settings.k)
        keep("zero-shot differential", scores)
        predicted = best.gather(1, scores.argmax(1, keepdim=True))[:, 0]
    right = (predicted == labels).double()
    means = [right[labels == name].mean().item() for name in labels.unique()]
    return {
        "zero_shot_top1": percent_equal(predicted, labels),
        "zero_shot_class_mean": 100 * float(np.mean(means)),
    }


def class_scores(images: Tensor, texts: Tensor, of: Tensor, how: str = "similarity") -> Tensor:
    """Returns ``(images, classes)``, how near each image is to the texts of each class.

    Args:
        images: ``(images, dim)``, of any norm.
        texts: ``(texts, dim)``, of any norm; each class has one or more.
        of: ``(texts,)`` the class of each text.
        how: "similarity": the cosine with the mean of unit texts. "mean", "max": of the cosines
            with the texts; a mean punishes classes whose texts are scattered.
    """
    if how == "similarity":
        return unit(images) @ unit(mean_by(unit(texts), of)).T
    if how == "mean":
        return unit(images) @ mean_by(unit(texts), of).T
    scores = unit(images) @ unit(texts).T
    found = scores.new_full((len(images), int(of.max()) + 1), -torch.inf)
    return found.scatter_reduce(1, of.expand_as(scores), scores, "amax")


def differential(
    images: Tensor, names: Tensor, texts: Tensor, told: Told, k: int
) -> tuple[Tensor, Tensor]:
    """Returns the ``k`` classes nearest to each image by name, and their second scores.

    Both are ``(images, k)``, the nearest by name first. The second score is the cosine with the
    mean of the texts that tell the class from the others of the ``k``, at unit length; a text
    counts once. Two classes that no text tells apart have their names in its place.

    Args:
        images: ``(images, dim)``, of any norm.
        names: ``(classes, dim)``, of any norm, one text of each class.
        texts: ``(texts, dim)``, of any norm.
        told: Which texts tell which classes apart.
        k: Fewer where there are fewer classes.
    """
    images, names, texts = unit(images), unit(names), unit(texts)
    best = (images @ names.T).topk(min(k, len(names)), dim=1).indices
    pool = torch.cat([names, texts.to(names.dtype)])
    # Equal texts have one number, the first one's.
    distinct, number = pool.unique(dim=0, return_inverse=True)
    scores = images.new_empty(best.shape)
    sets, which = best.sort(dim=1).values.unique(dim=0, return_inverse=True)
    for place, chosen in enumerate(sets.tolist()):
        means = {
            name: unit(distinct[sorted(rows)].mean(0))
            for name, rows in _texts_of(chosen, told, number.tolist(), len(names)).items()
        }
        for row in (which == place).nonzero()[:, 0].tolist():
            own = torch.stack([means[name] for name in best[row].tolist()])
            scores[row] = own @ images[row]
    return best, scores


def class_description(name: str, text: str) -> str:
    """Returns a class's name with a description, as arXiv 2210.07183's code joins them."""
    first = text.split(" ", 1)[0].lower()
    if first in ("a", "an", "used"):
        return f"{name}, which is {text}"
    if first in ("has", "often", "typically", "may", "can"):
        return f"{name}, which {text}"
    return f"{name}, which has {text}"


def _texts_of(
    chosen: Sequence[int], told: Told, number: Sequence[int], num_names: int
) -> dict[int, set[int]]:
    """Returns the numbers of the distinct texts of each of the ``chosen`` classes."""
    found: dict[int, set[int]] = {name: set() for name in chosen}
    for low, high in combinations(sorted(chosen), 2):
        sides = told.get((low, high), ((), ()))
        for place, name in enumerate((low, high)):
            rows = [num_names + row for row in sides[place]] or [name]
            found[name] |= {number[row] for row in rows}
    return found


def _embed(inputs: PairInputs, texts: Sequence[str]) -> Tensor:
    return inputs.text_vectors(inputs.encode(texts))


def _tell_apart(
    pairs: Mapping[tuple[int, int], Sequence[tuple[str, str]]],
) -> tuple[list[str], Told]:
    """Returns all texts, and the rows of those of each pair."""
    texts: list[str] = []
    told = {}
    for pair, sides in pairs.items():
        first = len(texts)
        texts += [text for both in sides for text in both]
        told[pair] = range(first, len(texts), 2), range(first + 1, len(texts), 2)
    return texts, told
