"""The plan for a table of known and novel classes, in the form of OW-DFA's."""

from common.data.targets.open_world.readers.published import TRAIN_SHARE, ClassCounts
from common.own_data.csv_files import CsvFile
from common.own_data.csv_lines import place_of
from common.own_data.draft import Draft, check_batch, fit_batch

LABELLED, UNLABELLED = "1", "2"
UPDATE = 0.3  # seconds, of 64 images of 64 pixels on a core


def plan_open_world(found: CsvFile, draft: Draft) -> None:
    """Plans batch and size for the images that a table names with their labels and tags."""
    tags, methods = (_cells(found, name) for name in ("tag", "method"))
    labelled, unlabelled = tags.count(LABELLED), tags.count(UNLABELLED)
    if not labelled or not unlabelled:
        draft.refuse(
            f"{found.path}: {labelled} images have tag 1 (labelled) and {unlabelled} tag 2 "
            "(unlabelled); both are needed"
        )
        return
    if not draft.fixed:
        draft.choose("data.size", 64, "pixels a side, for a CPU")
    if any(ClassCounts(method, 0, 0).real for method in methods):
        draft.choose("data.protocol", 2, "the table has real images, too")
    draft.trained = int(TRAIN_SHARE * (labelled + unlabelled))
    half = int(TRAIN_SHARE * min(labelled, unlabelled))
    batch = 2 * max(fit_batch(half, draft.base.data.batch_size // 2), 2)
    draft.choose("data.batch_size", batch, f"half of it labelled; {labelled:,} images have a label")
    check_batch(draft, draft.trained, "training images")
    batches = draft.trained // max(draft.get("data.batch_size"), 1)
    draft.seconds = UPDATE * batches * draft.get("trainer.epochs")


def _cells(found: CsvFile, name: str) -> list[str]:
    place = place_of(found.path, [column.name for column in found.columns], name)
    return found.columns[place].texts
