"""Our functions on the stored reference values of images with texts, which is no paper."""

from typing import Any

import numpy as np

from common.data.image_text.readers.relations import paint, scene_of
from common.results.parity import Case


def solve_scenes(case: Case) -> dict[str, Any]:
    """Images and captions of scenes in numbers."""
    table = case.arrays["parameters"].astype(np.int64)
    images = paint(table, case.arrays["noise"]).transpose(0, 2, 3, 1)
    scenes = [scene_of(row) for row in table.tolist()]
    variants = [scene.variants() for scene in scenes]
    texts = {kind: [each[kind].caption(rich=True) for each in variants] for kind in variants[0]}
    texts["plain"] = [scene.caption(rich=False) for scene in scenes]
    texts["caption"] = [scene.caption(rich=True) for scene in scenes]
    return {"pictures": images, **{name: np.array(found) for name, found in texts.items()}}


CASES = {"scenes": solve_scenes}
