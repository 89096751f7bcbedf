"""What SwAV fits to images of the user's own: prototypes, the queue, and when each begins.

Its baseline DeepCluster-v2 has prototypes, too.
"""

import math
from typing import Any

from common.own_data.draft import Draft

# Training images and batches for each prototype, and the most prototypes: a third of those for
# ImageNet. After 545 batches 698 prototypes are below an untrained network (claims.yaml). In pilots
# of 294 batches 698 have 36.8 %, 100 have 37.1, and 16 to 64 have 38 to 40.
IMAGES_A_PROTOTYPE, BATCHES_A_PROTOTYPE, MOST = 10, 10, 1000


def fit(found: Any, draft: Draft) -> None:
    """Plans as many prototypes as the images can fill, and a queue where a batch is too small."""
    if draft.base.baseline == "deepcluster-v2":
        _fit_clusterings(draft)
    elif draft.base.baseline is None:
        _fit_prototypes(draft)


def _fit_clusterings(draft: Draft) -> None:
    batch = draft.get("data.batch_size")
    remembered = draft.trained // batch * batch
    fitting = max(min(remembered // IMAGES_A_PROTOTYPE, MOST), 2)
    numbers = draft.get("method.num_prototypes")
    numbers = [k if draft.fixed and k <= remembered else fitting for k in numbers]
    draft.fit("method.num_prototypes", numbers, f"{remembered} training images are clustered")


def _fit_prototypes(draft: Draft) -> None:
    trained, batch = draft.trained, draft.get("data.batch_size")
    batches = draft.get("trainer.epochs") * (trained // batch)
    most = min(trained // IMAGES_A_PROTOTYPE, batches // BATCHES_A_PROTOTYPE, MOST)
    fitting = max(most, min(batch * 3 // 4, 16), 2)
    if not draft.fixed or draft.get("method.num_prototypes") > trained:
        why = f"{trained} training images and {batches} batches in all"
        draft.choose("method.num_prototypes", fitting, why)
    prototypes = draft.get("method.num_prototypes")
    if prototypes > trained:
        draft.refuse(f"method.num_prototypes={prototypes}: there are {trained} training images")
    length = 0 if batch >= prototypes else math.ceil(2 * prototypes / batch) * batch
    if length != draft.get("method.queue_length") and not draft.fixed:
        why = f"a batch holds {'fewer' if length else 'enough'} images for the prototypes"
        draft.choose("method.queue_length", length, why)
        if length:
            begin = draft.get("trainer.epochs") // 4
            draft.choose("method.queue_from_epoch", begin, "a quarter in")
    elif draft.get("method.queue_length") % batch:
        longer = draft.get("method.queue_length") // batch * batch
        draft.choose("method.queue_length", longer, f"whole batches of {batch}")
    # At first the loss is ln K, which would be taken for a collapse; few images leave it late.
    epochs = max(draft.get("trainer.epochs") // 10, 1)
    frozen, why = epochs * max(trained // batch, 1), f"prototypes: {epochs} of the epochs"
    if draft.get("trainer.epochs") == 1:
        frozen, why = frozen // 2, "prototypes: half of the epoch"
    draft.choose("method.freeze_batches", frozen, why)
