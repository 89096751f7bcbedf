"""The generated set `relations`: two objects, how they stand to each other, ground and frame.

Images and captions are functions of (`data.data_seed`, stream, index). All arithmetic is on whole
numbers, so they are equal on every machine. Section 2 of the dossier of this modality.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from common.data.image_text import grammar
from common.data.image_text.config import ImageTextConfig
from common.data.image_text.grammar import Scene, Thing
from common.data.image_text.readers.shuffles import shuffled
from common.data.image_text.sets import Captioned, CaptionedSet, Labelled, Variants
from common.data.images.sets import Split

SIDE = 32
RADII = np.array([4, 6])
COLOURS = np.array(
    [
        (220, 40, 40),
        (40, 180, 60),
        (50, 80, 220),
        (230, 210, 50),
        (150, 60, 180),
        (240, 140, 40),
        (60, 200, 210),
        (245, 245, 245),
    ]
)
GROUNDS = np.array(
    [
        (20, 20, 40),
        (20, 50, 25),
        (60, 20, 35),
        (20, 45, 70),
        (70, 50, 30),
        (60, 60, 70),
        (60, 70, 40),
        (60, 35, 75),
    ]
)
FRAMES = np.array(
    [
        (235, 225, 200),
        (10, 10, 10),
        (230, 150, 170),
        (170, 230, 60),
        (140, 190, 240),
        (170, 80, 40),
        (205, 165, 40),
        (20, 120, 120),
    ]
)
# For `data.preset`: shapes, colours, the sizes to choose from, training scenes, and tested ones.
PRESETS = {"quick": (4, 6, (1,), 6_000, 600), "full": (8, 8, (0, 1), 20_000, 2_000)}
NOISE = 12
BORDER = 2
STREAMS = {"train": 0, "val": 1, "test": 2, "classes": 3}
# Numbers drawn for a scene.
DRAWS = 24
# Scenes painted at once.
CHUNK = 512
# Columns of scenes in numbers: shape, colour, size, x and y of the first object, the same of the
# second, then these.
RELATION, GROUND, FRAME, OPENER, SYNONYM, SAYS_FIRST, SAYS_SECOND, FRAME_FIRST = range(10, 18)

Ints = NDArray[np.int64]
# Which pixels belong to an object, by dx, dy and the radius.
INSIDE: tuple[Callable[[Ints, Ints, Ints], NDArray[np.bool_]], ...] = (
    lambda x, y, r: np.maximum(abs(x), abs(y)) <= r - 1,
    lambda x, y, r: ((r - 2) ** 2 <= x * x + y * y) & (x * x + y * y <= r * r),
    lambda x, y, r: ((abs(x) <= r // 3) & (abs(y) <= r)) | ((abs(y) <= r // 3) & (abs(x) <= r)),
    lambda x, y, r: (abs(y) <= 1) & (abs(x) <= r),
    lambda x, y, r: x * x + y * y <= r * r,
    lambda x, y, r: (2 * abs(x) <= y + r) & (y <= r - 1),
    lambda x, y, r: abs(x) + abs(y) <= r,
    lambda x, y, r: (abs(x) <= 1) & (abs(y) <= r),
)


def relations(config: ImageTextConfig) -> CaptionedSet:
    """Generates the set of ``data.preset``, ``data.captions`` and ``data.data_seed``."""
    *_, own_rows, tested = PRESETS[config.preset]
    rows = {"train": config.train_rows or own_rows, "val": tested, "test": tested}
    parts = {name: _part(config, name, count) for name, count in rows.items()}
    train = parts.pop("train")
    vocabulary = grammar.words()
    return CaptionedSet(train, parts, _classes(config, tested), vocabulary, grammar.SYNONYMS)


def _part(config: ImageTextConfig, name: str, rows: int) -> Captioned:
    table = draw_scenes(config, name, rows)
    images = paint(table, draw_noise(config.data_seed, STREAMS[name], len(table)))
    rich = config.captions == "rich"
    scenes = [scene_of(row) for row in table.tolist()]
    variants = [scene.variants() for scene in scenes]
    own = np.arange(len(scenes))
    kinds = {
        kind: Variants([each[kind].caption(rich) for each in variants], own) for kind in variants[0]
    }
    captions = [scene.caption(rich) for scene in scenes]
    if name != "train":
        every = zip(captions, *(each.texts for each in kinds.values()), strict=True)
        known = [set(texts) for texts in every]
        kinds |= shuffled(captions, known, (config.data_seed, STREAMS[name]))
    return Captioned(
        Split(torch.from_numpy(images), torch.zeros(len(scenes), dtype=torch.int64)),
        captions,
        own,
        kinds,
        labels=table[:, GROUND],
        groups=table[:, RELATION],
        truths=_truths(table),
    )


def _truths(table: Ints) -> dict[str, tuple[Ints, Ints]]:
    """Returns what is so and said: all that every caption tells, or colours and shapes as a bag.

    Which object comes first is told by the caption and not by the image, so the object of the
    smaller shape stands first in both. Sizes are said by chance, and count for nothing here.
    """
    swapped = table[:, [0]] > table[:, [5]]
    low = np.where(swapped, table[:, 5:7], table[:, :2])
    high = np.where(swapped, table[:, :2], table[:, 5:7])
    relation = table[:, [RELATION]] ^ swapped
    whole = np.concatenate([low, high, relation, table[:, GROUND : FRAME + 1]], 1)
    bag = np.concatenate([np.sort(table[:, [0, 5]], 1), np.sort(table[:, [1, 6]], 1)], 1)
    return {"true": (whole, whole), "bag": (bag, bag)}


def _classes(config: ImageTextConfig, rows: int) -> Labelled:
    """Returns images of one object each, by colour and shape."""
    shapes, colours, *_ = PRESETS[config.preset]
    table = draw_scenes(config, "classes", rows)
    images = paint(table, draw_noise(config.data_seed, STREAMS["classes"], rows), single=True)
    names = [
        f"{colour} {shape}"
        for colour in grammar.COLOURS[:colours]
        for shape in grammar.SHAPES[:shapes]
    ]
    # Words that only rich captions have were never learnt from plain ones.
    prompts = grammar.PROMPTS if config.captions == "rich" else grammar.PROMPTS[:1]
    labels = table[:, 1] * shapes + table[:, 0]
    split = Split(torch.from_numpy(images), torch.from_numpy(labels))
    return Labelled(split, labels, names, prompts)


def draw_scenes(config: ImageTextConfig, stream: str, rows: int) -> Ints:
    """Returns scenes in numbers, ``(rows, 18)``.

    With ``data.hold_out_compositions`` test scenes hold at least one of the pairs of colour and
    shape that training and validation scenes never do.
    """
    wanted = rows
    while True:
        table = _scenes(config, stream, wanted)
        if config.hold_out_compositions and stream != "classes":
            table = table[is_held_out(table) == (stream == "test")]
        if len(table) >= rows:
            return table[:rows]
        wanted *= 2


def is_held_out(table: Ints) -> NDArray[np.bool_]:
    """Tells which scenes hold a pair with (colour + 3 shape) mod 8 = 0."""
    return ((table[:, [1, 6]] + 3 * table[:, [0, 5]]) % 8 == 0).any(1)


def _scenes(config: ImageTextConfig, stream: str, rows: int) -> Ints:
    shapes, colours, sizes, *_ = PRESETS[config.preset]
    source = _source(config.data_seed, 2 * STREAMS[stream])
    drawn = _raw(source, rows * DRAWS).reshape(rows, DRAWS)
    table = np.zeros((rows, 18), np.int64)

    def uniform(column: int, low: int, high: int) -> Ints:
        """Draws of ``low`` to ``high``, both included."""
        return low + (drawn[:, column] * np.uint64(high - low + 1) >> np.uint64(32)).astype(int)

    for place, number in ((0, shapes), (1, colours)):
        table[:, place] = uniform(2 * place, 0, number - 1)
        # Another than the first one's.
        table[:, 5 + place] = (table[:, place] + uniform(2 * place + 1, 1, number - 1)) % number
    for place, column in ((2, 4), (7, 5)):
        table[:, place] = np.array(sizes)[uniform(column, 0, len(sizes) - 1)]
    if stream == "classes":
        table[:, 3], table[:, 4] = uniform(6, 9, 22), uniform(7, 9, 22)
    else:
        _place(table, uniform)
    if config.scene_context:
        table[:, GROUND], table[:, FRAME] = uniform(12, 0, 7), uniform(13, 0, 7)
    table[:, OPENER] = uniform(14, 0, len(grammar.OPENERS) - 1)
    for place, column in enumerate((SYNONYM, SAYS_FIRST, SAYS_SECOND, FRAME_FIRST), 15):
        table[:, column] = uniform(place, 0, 1)
    return table


def _place(table: Ints, uniform: Callable[[int, int, int], Ints]) -> None:
    """Puts the two objects apart along an axis, nearer to each other across it."""
    upright, flipped = uniform(6, 0, 1), uniform(7, 0, 1)
    low, high = uniform(8, 6, 9), uniform(9, 22, 25)
    across, other = uniform(10, 9, 22), uniform(11, 9, 22)
    reach = high - low - 4
    other = np.clip(np.clip(other, across - reach, across + reach), 6, 25)
    along = np.where(flipped, high, low), np.where(flipped, low, high)
    for place, (mine, beside) in ((3, (along[0], across)), (8, (along[1], other))):
        table[:, place] = np.where(upright, beside, mine)
        table[:, place + 1] = np.where(upright, mine, beside)
    table[:, RELATION] = 2 * upright + flipped


def draw_noise(seed: int, stream: int, rows: int) -> NDArray[np.int8]:
    """Returns whole numbers of -12 to 12 for each pixel and channel, ``(rows, 32, 32, 3)``."""
    source = _source(seed, 2 * stream + 1)
    noise = np.empty((rows, SIDE, SIDE, 3), np.int8)
    for start in range(0, rows, CHUNK):  # the draws take eight times the memory
        part = noise[start : start + CHUNK]
        drawn = _raw(source, part.size) * np.uint64(2 * NOISE + 1) >> np.uint64(32)
        part[:] = (drawn.astype(np.int8) - NOISE).reshape(part.shape)
    return noise


def _source(seed: int, stream: int) -> np.random.PCG64:
    return np.random.PCG64(np.random.SeedSequence((seed, stream)))


def _raw(source: np.random.PCG64, count: int) -> NDArray[np.uint64]:
    """Returns draws below 2 to the 32; of numpy's, only the raw ones are for good."""
    return source.random_raw(count) >> np.uint64(32)


def paint(table: Ints, noise: NDArray[np.int8], single: bool = False) -> NDArray[np.uint8]:
    """Returns images ``(rows, 3, side, side)``: ground, objects, frame, then noise.

    Args:
        table: Scenes in numbers.
        noise: Noise of `draw_noise`, ``(rows, side, side, 3)``.
        single: Only the first object.
    """
    images = np.empty((len(table), 3, *noise.shape[1:3]), np.uint8)
    for start in range(0, len(table), CHUNK):
        part = slice(start, start + CHUNK)
        images[part] = _paint(table[part], noise[part], single).transpose(0, 3, 1, 2)
    return images


def _paint(table: Ints, noise: NDArray[np.int8], single: bool) -> NDArray[np.uint8]:
    side = noise.shape[1]
    y, x = np.arange(side)[:, None], np.arange(side)
    image = np.broadcast_to(GROUNDS[table[:, GROUND], None, None], (*noise.shape,)).copy()
    for first in (0,) if single else (0, 5):
        shape, colour, size, left, top = table[:, first : first + 5].T
        for number, inside in enumerate(INSIDE):
            rows = np.flatnonzero(shape == number)
            dx, dy = x - left[rows, None, None], y - top[rows, None, None]
            within = inside(dx, dy, RADII[size[rows], None, None])
            painted = COLOURS[colour[rows], None, None]
            image[rows] = np.where(within[..., None], painted, image[rows])
    edge = np.minimum(np.minimum(y, x), side - 1 - np.maximum(y, x)) < BORDER
    image = np.where(edge[..., None], FRAMES[table[:, FRAME], None, None], image)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def scene_of(row: list[int]) -> Scene:
    """Returns a scene in words of one in numbers ``(18,)``."""
    return Scene(
        Thing(row[0], row[1], row[2], bool(row[SAYS_FIRST])),
        Thing(row[5], row[6], row[7], bool(row[SAYS_SECOND])),
        row[RELATION],
        row[GROUND],
        row[FRAME],
        row[OPENER],
        row[SYNONYM],
        bool(row[FRAME_FIRST]),
    )
